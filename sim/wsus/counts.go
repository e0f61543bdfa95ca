package wsus

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"proxycheck/probe"
)

// A CountRule shows a finding by what a server counted.
type CountRule struct {
	If   func(subject) string // the evidence in words, or ""
	Then *probe.Finding
}

// CountRules are all there are. The finding of one that explains another's
// stands for both.
var CountRules = []CountRule{
	{sharesID, probe.ClientIDsDuplicate},
	{endsNoScan, probe.ScanUnfinished},
	{fetchesWhole, probe.WholeAfterRanges},
	{changesProxies, probe.ProxiesDiffer},
}

// A subject is what a rule looks at: a client, or a file of a machine.
type subject struct {
	name   string // the client's id, or the machine's address
	client *client
	file   *fetched
	now    time.Time
}

// When a scan counts as given up.
const (
	scanGivenUp = 10 * time.Minute // without a request
	scansInVain = 3                // begun in a row
)

func sharesID(s subject) string {
	if s.client == nil {
		return ""
	}
	names := distinct(s.client.names)
	if len(names) < 2 {
		return ""
	}
	return fmt.Sprintf("%s is the id of %s", s.name, strings.Join(names, ", "))
}

// distinct are the names of different machines: a bare one may be short for
// another.
func distinct(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(names, func(other string) bool { return strings.HasPrefix(other, name+".") })
	})
}

func endsNoScan(s subject) string {
	c := s.client
	if c == nil || !c.scan.open {
		return ""
	}
	quiet := s.now.Sub(c.last)
	switch {
	case c.scan.inVain+1 >= scansInVain:
		return fmt.Sprintf("%s began %d scans in a row and finished none of them", s.name, c.scan.inVain+1)
	case c.finished == 0 && quiet >= scanGivenUp:
		return fmt.Sprintf("%s began a scan, and has asked for nothing since %s", s.name, quiet.Truncate(time.Second))
	}
	return ""
}

func fetchesWhole(s subject) string {
	if s.file == nil || s.file.late == 0 {
		return ""
	}
	return fmt.Sprintf("%s fetched %s in parts, and then %d times as a whole", s.name, s.file.path, s.file.late)
}

func changesProxies(s subject) string {
	if s.client == nil || len(s.client.proxies) < 2 {
		return ""
	}
	return fmt.Sprintf("%s came: %s", s.name, strings.Join(s.client.proxies, "; "))
}

// maxEvidence is how many lines of evidence a finding shows.
const maxEvidence = 20

// A Counted is a finding by the server's own counts.
type Counted struct {
	Name      string      `json:"name"`
	Title     string      `json:"title"`
	Grade     probe.Grade `json:"grade"`
	Owner     probe.Owner `json:"owner"`
	Condition string      `json:"condition,omitempty"`
	Fix       string      `json:"fix"`
	Source    string      `json:"source"`
	Times     int         `json:"times"`
	Evidence  []string    `json:"evidence"` // the first few
}

// Findings is what the counts of b show, in the order of the rules.
func (b *Book) Findings(now time.Time) []Counted {
	b.mu.Lock()
	defer b.mu.Unlock()
	evidence := map[*probe.Finding][]string{}
	times := map[*probe.Finding]int{}
	for s := range b.subjects(now) {
		for _, hit := range judge(s) {
			f := hit.rule.Then
			if times[f]++; times[f] <= maxEvidence {
				evidence[f] = append(evidence[f], hit.evidence)
			}
		}
	}
	found := []Counted{}
	for _, r := range CountRules {
		if f := r.Then; times[f] > 0 {
			found = append(found, Counted{f.Name, f.Title, f.Grade, f.Owner, f.Condition, f.Fix, f.Source, times[f], evidence[f]})
		}
	}
	return found
}

// A hit is a rule that holds.
type hit struct {
	rule     CountRule
	evidence string
}

// judge is what holds of s, without what is explained by another.
func judge(s subject) (hits []hit) {
	for _, r := range CountRules {
		if evidence := r.If(s); evidence != "" {
			hits = append(hits, hit{r, evidence})
		}
	}
	all := hits
	return slices.DeleteFunc(slices.Clone(hits), func(h hit) bool {
		return slices.ContainsFunc(all, func(other hit) bool { return slices.Contains(other.rule.Then.Explains, h.rule.Then) })
	})
}

// subjects are all clients and files of b.
func (b *Book) subjects(now time.Time) iter.Seq[subject] {
	return func(yield func(subject) bool) {
		for id, c := range b.clients.all {
			if !yield(subject{name: id, client: c, now: now}) {
				return
			}
		}
		for address, m := range b.machines.all {
			for _, f := range m.files {
				if !yield(subject{name: address, file: f, now: now}) {
					return
				}
			}
		}
	}
}
