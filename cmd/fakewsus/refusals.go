package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"proxycheck/sim/wsus"
)

// maxCounted is how many clients and operations are counted. When there are more,
// the counts begin anew.
const maxCounted = 100_000

// refusals are the calls to refuse with a SOAP fault.
type refusals struct {
	rules map[string]refusal // by operation

	mu    sync.Mutex
	given map[[2]string]int // how often, by client and operation
}

// A refusal is that of an operation.
type refusal struct {
	code  string
	first int // so many calls of each client; 0 for every call
}

// parseRefusals reads OPERATION=CODE and OPERATION=CODE:N.
func parseRefusals(texts []string) (*refusals, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	r := &refusals{rules: map[string]refusal{}, given: map[[2]string]int{}}
	for _, text := range texts {
		operation, code, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("%q: want OPERATION=CODE, such as SyncUpdates=ServerBusy, or SyncUpdates=ServerBusy:1", text)
		}
		if !slices.Contains(wsus.Operations(), operation) {
			return nil, fmt.Errorf("%q: no operation is called %q%s", text, operation, near(operation, wsus.Operations()))
		}
		if _, twice := r.rules[operation]; twice {
			return nil, fmt.Errorf("%q: %s is refused already", text, operation)
		}
		rule, err := parseRefusal(code)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		r.rules[operation] = rule
	}
	return r, nil
}

// parseRefusal reads CODE and CODE:N.
func parseRefusal(text string) (rule refusal, err error) {
	var number string
	var limited bool
	rule.code, number, limited = strings.Cut(text, ":")
	if !slices.Contains(wsus.ErrorCodes, rule.code) {
		return rule, fmt.Errorf("no fault has the code %q%s", rule.code, near(rule.code, wsus.ErrorCodes))
	}
	if limited {
		if rule.first, err = strconv.Atoi(number); err != nil || rule.first < 1 {
			return rule, fmt.Errorf("%q is no number of calls: want 1 or more", number)
		}
	}
	return rule, nil
}

// refuse is the code to refuse a call with, or "". A call that does not say
// whose it is counts as that of one client with all others that do not.
func (r *refusals) refuse(client, operation string) string {
	rule, ok := r.rules[operation]
	if !ok || rule.first == 0 {
		return rule.code
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := [2]string{client, operation}
	if r.given[key] >= rule.first {
		return ""
	}
	if len(r.given) == maxCounted {
		clear(r.given)
	}
	r.given[key]++
	return rule.code
}

// refusalList is what can be refused, and with which codes.
func refusalList() string {
	return "operations: " + strings.Join(wsus.Operations(), ", ") + "\ncodes: " + strings.Join(wsus.ErrorCodes, ", ") + "\n"
}
