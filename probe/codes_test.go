package probe

import (
	"fmt"
	"strings"
	"testing"

	"proxycheck/probe/endpoint"
	"proxycheck/probe/wire"
	"proxycheck/probe/wuerr"
)

// The code that each agent logs for one event on the wire, by layer and version
// of Windows: the table of http_map.md 8, with its sections 1 and 3 for what is
// logged by status. A dash stands for no code, an empty cell for one about which
// the sources disagree, and what they are unsure of must be shown as unsure.
func TestCodes(t *testing.T) {
	tests := []struct {
		event                    string
		finding                  *Finding
		saw                      *sight
		xp, win7, win8, w10, w11 string
	}{
		{"a name does not resolve", ProxyNameUnknown, saw("wua-config", ""), "8024402C", "8024402C", "8024402C", "8024402C", "8024402C"},
		{"a name does not resolve", ServerNameUnknown, saw("selfupdate-file", ""), "8024402C", "8024402C", "8024402C", "8024402C", "8024402C"},
		{"a name does not resolve", ServerNameUnknown, saw("bits-file", ""), "80072EE7", "80072EE7", "80072EE7", "80072EE7", "80072EE7"},
		{"a name does not resolve", ProxyNameUnknown, saw("do-piece", ""), "", "", "", "80072EE7", "80072EE7"},

		{"a port is refused", ProxyRefuses, saw("wua-config", ""), "80072EFD", "80072EFD", "80240438", "80240438", "80240438"},
		{"a port is refused", ServerRefuses, saw("selfupdate-file", ""), "80072EFD", "80072EFD", "80072EFD", "80072EFD", "80072EFD"},
		{"a port is refused", ServerRefuses, saw("bits-file", ""), "80072EFD", "80072EFD", "80072EFD", "80072EFD", "80072EFD"},
		{"a port is refused", ProxyRefuses, saw("do-piece", ""), "", "", "", "80072EFD", "80072EFD"},

		{"SYN is dropped", ProxyUnreachable, saw("wua-config", ""), "80072EE2", "80072EFD", "80240438", "80240438", "80240438"},
		{"SYN is dropped", ServerUnreachable, saw("selfupdate-file", ""), "80072EFD unsure", "80072EFD unsure", "80072EFD unsure", "80072EFD unsure", "80072EFD unsure"},
		{"SYN is dropped", ProxyUnreachable, saw("bits-file", ""), "80072EFD unsure", "80072EFD unsure", "80072EFD unsure", "80072EFD unsure", "80072EFD unsure"},
		{"SYN is dropped", ProxyUnreachable, saw("do-piece", ""), "", "", "", "80072EFD unsure", "80072EFD unsure"},

		{"silence after connecting", ProxySilent, saw("wua-config", ""), "80072EE2", "80072EE2", "8024401C", "8024401C", "8024401C"},
		{"silence after connecting", ProxySilent, saw("selfupdate-file", ""), "80072EE2", "80072EE2", "80072EE2", "80072EE2", "80072EE2"},
		{"silence after connecting", ProxySilent, saw("bits-file", ""), "80072EE2", "80072EE2", "80072EE2", "80072EE2", "80072EE2"},
		{"silence after connecting", ProxySilent, saw("do-piece", ""), "", "", "", "80072EE2", "80072EE2"},

		{"a reset", ConnectionReset, saw("wua-config", ""), "80072EFE", "80072EFE", "80072EFE", "80072EFE", "80072EFE"},
		{"a reset", ConnectionReset, saw("selfupdate-file", ""), "80072EFE", "80072EFE", "80072EFE", "80072EFE", "80072EFE"},
		{"a reset", ConnectionReset, saw("bits-file", ""), "80072EFE", "80072EFE", "80072EFE", "80072EFE", "80072EFE"},
		{"a reset", ConnectionReset, saw("do-piece", ""), "", "", "", "80072EFE", "80072EFE"},

		{"TLS is not trusted", TLSInspected, saw("tls-config", ""), "80072F8F", "80072F8F", "80072F8F", "80072F8F", "80072F8F"},
		{"TLS ends with an alert", TLSBroken, saw("tls-config", ""), "80072F7D unsure", "80072F7D unsure", "80072F7D unsure", "80072F7D unsure", "80072F7D unsure"},

		{"a page in place of an answer", PageInstead, saw("wua-config", ""), "8024400A", "8024400A", "80240439 unsure", "80240439 unsure", "80240439 unsure"},
		{"a page in place of an answer", PageInstead, saw("selfupdate-file", ""), "80240038 unsure", "80240038 unsure", "80240038 unsure", "80240038 unsure", "80240038 unsure"},
		{"a page in place of an answer", PageInstead, saw("bits-file", ""), "80200013 unsure", "80200013 unsure", "80200013 unsure", "80200013 unsure", "80200013 unsure"},
		{"a page in place of an answer", PageInstead, saw("do-piece", ""), "", "", "", "", "80D05011 unsure"},

		{"CONNECT is denied", TunnelDenied, tunnelled(squidDenies), "80244018", "80244018", "80240438 unsure", "80240438 unsure", "80240438 unsure"},
		{"CONNECT is answered 502", TunnelServerDown, tunnelled("HTTP/1.1 502 Bad Gateway"), "80244021", "80244021", "80240438 unsure", "80240438 unsure", "80240438 unsure"},

		{"a login is asked for", LoginWanted, saw("wua-config", "HTTP/1.1 407 X"), "8024401B", "8024401B", "8024401B", "8024401B", "8024401B"},
		{"a login is asked for", LoginWanted, saw("selfupdate-file", "HTTP/1.1 407 X"), "8024401B", "8024401B", "8024401B", "8024401B", "8024401B"},
		{"a login is asked for", LoginWanted, saw("bits-file", "HTTP/1.1 407 X"), "80190197", "80190197", "80190197", "80190197", "80190197"},
		{"a login is asked for", LoginWanted, saw("do-piece", "HTTP/1.1 407 X"), "", "", "", "80190197", "80190197"},
		{"a login is asked for in Basic", LoginUnusable, saw("wua-config", squidAsks), "8024401B", "8024401B", "8024043C", "8024043C", "8024043C"},
		{"a login is asked for in Basic", LoginUnusable, saw("selfupdate-file", squidAsks), "8024401B", "8024401B", "8024401B", "8024401B", "8024401B"},
		{"a login is asked for in Basic", LoginUnusable, saw("bits-file", squidAsks), "80190197", "80190197", "80190197", "80190197", "80190197"},

		{"a range gets a whole file", RangeIgnored, saw("bits-range-first", goodHead), "80200013", "80200013", "80200013", "80200013", "80200013"},
		{"a range gets a whole file", RangeIgnored, saw("do-piece", goodHead), "", "", "", "", "80D05011"},
		{"a part does not say which", RangeUnstated, saw("bits-range-first", goodPart), "80200013", "80200013", "80200013", "80200013", "80200013"},
		{"HEAD gives no length", SizeHidden, saw("bits-size", goodHead), "80200011", "80200011", "80200011", "80200011", "80200011"},
		{"answers come as HTTP/1.0", HTTP10, saw("bits-file", goodHead), "-", "-", "-", "-", "-"},

		{"403", RequestDenied, saw("wua-config", squidDenies), "80244018", "80244018", "80244018", "80244018", "80244018"},
		{"403", RequestDenied, saw("bits-size", squidDenies), "80190193", "80190193", "80190193", "80190193", "80190193"},
		{"404", FileMissing, saw("selfupdate-file", iisNotFound), "80244019", "80244019", "80244019", "80244019", "80244019"},
		{"405", HeadRefused, saw("selfupdate-size", "HTTP/1.1 405 X"), "8024401A", "8024401A", "8024401A", "8024401A", "8024401A"},
		{"405", HeadRefused, saw("bits-size", "HTTP/1.1 405 X"), "80190195", "80190195", "80190195", "80190195", "80190195"},
		{"412", ConditionRefused, saw("bits-range-first", "HTTP/1.1 412 X"), "8019019C", "8019019C", "8019019C", "8019019C", "8019019C"},
		{"413", RequestRefused, saw("wua-config", "HTTP/1.1 413 X"), "8024402B", "8024402B", "8024402B", "8024402B", "8024402B"},
		{"416", RangeRefused, saw("bits-range-first", "HTTP/1.1 416 X"), "801901A0", "801901A0", "801901A0", "801901A0", "801901A0"},
		{"501", ServerError, saw("wua-config", "HTTP/1.1 501 X"), "80244020", "80244020", "80244020", "80244020", "80244020"},
		{"503", ServerUnavailable, saw("wua-config", httpsysUnavailable), "80244022", "80244022", "80244022", "80244022", "80244022"},
		{"503", ServerBehindProxyDown, saw("selfupdate-file", squidCannotConnect), "80244022", "80244022", "80244022", "80244022", "80244022"},
		{"503", ServerBehindProxyDown, saw("bits-file", squidCannotConnect), "801901F7", "801901F7", "801901F7", "801901F7", "801901F7"},
		{"503", ServerBehindProxyDown, saw("do-piece", squidCannotConnect), "", "", "", "801901F7", "801901F7"},
		{"504", ServerBehindProxyDown, saw("wua-config", "HTTP/1.1 504 X"), "80244023", "80244023", "80244023", "80244023", "80244023"},
	}
	for _, tt := range tests {
		s := &shown{Finding: tt.finding, by: []*judged{{Result: result(tt.saw)}}}
		want := []string{tt.xp, tt.win7, tt.win8, tt.w10, tt.w11}
		var wrong []string
		for i, w := range []Windows{XP, Win7, Win81, Win10, Win11} {
			got := "-"
			if c, ok := s.loggedBy(tt.saw.step.By, tt.saw.step, w); ok {
				got = strings.TrimPrefix(c.Code.String(), "0x")
				if c.Sure == Unsure && strings.HasSuffix(want[i], " unsure") {
					got += " unsure"
				}
			}
			if want[i] != "" && got != want[i] {
				wrong = append(wrong, fmt.Sprintf("%s %s, want %s", w, got, want[i]))
			}
		}
		if wrong != nil {
			t.Errorf("%s (%s): %s logs in layer %s: %s", tt.event, tt.finding.Name, tt.saw.step.By, tt.saw.step.Layer, strings.Join(wrong, "; "))
		}
	}
}

// 0x80246002 is what the update agent logs when it checks a file that others
// have fetched for it: BITS itself never does (http_map.md 8).
func TestHashIsCheckedByTheAgent(t *testing.T) {
	for _, f := range Findings {
		for _, c := range f.Codes {
			if c.Code == wuerr.IncorrectHash && c.Agent != WUA {
				t.Errorf("%s has %s log %s", f.Name, c.Agent, c.Code)
			}
		}
	}
	altered := saw("bits-file", goodHead)
	s := &shown{Finding: ContentAltered, by: []*judged{{Result: result(altered)}}}
	if c, ok := s.loggedBy(WUA, altered.step, Win11); !ok || c.Code != wuerr.IncorrectHash {
		t.Errorf("for an altered file of %s, %s logs %s, want %s", altered.step.By, WUA, c.Code, wuerr.IncorrectHash)
	}
}

// What a host that is not let through is logged as goes by the agent and the layer that
// asked for it: a list of codes has each once, and none of an agent that did not ask.
func TestCodesOfHosts(t *testing.T) {
	host := func(by Agent, tls bool, answer string) *judged {
		h := endpoint.Host{Name: "n.example", Port: "80", TLS: tls, By: string(by), Path: "/"}
		o := answerFor(h, answer, "")
		if tls {
			o.Exchange = &wire.Exchange{Stopped: wire.Tunnel, Failure: wire.Denied, Tunnel: o.Exchange}
		}
		return &judged{Result: &Result{Step: reachStep(&h), Observation: o}}
	}
	const denied = "HTTP/1.1 403 Forbidden"
	tunnel := host(WUA, true, denied)
	for _, tt := range []struct {
		name    string
		finding *Finding
		by      []*judged
		want    string
	}{
		{"CONNECT of the update agent", HostBlocked, []*judged{tunnel, host(WUA, true, denied)},
			"wua soap 80240438 win8.1- unsure; wua soap 80072EF3 win8.1- unsure; wua soap 80244018 -win7 unsure; wua soap 80072EFD -win7 unsure"},
		{"GET of all", HostBlocked, []*judged{host(WUA, false, denied), host(BITS, false, denied), host(DO, false, denied)},
			"wua soap 80240438 win8.1- unsure; wua soap 80072EF3 win8.1- unsure; wua soap 80072EFD -win7 unsure; " +
				"wua fetch 80244018 - documented; wua fetch 80190193 - documented; bits job 80190193 - documented; wua job 80244018 - documented; do job 80190193 - documented"},
		{"of two statuses, of which one has no code", RequestDenied, []*judged{host(WUA, false, "HTTP/1.1 511 X"), host(WUA, false, denied)},
			"wua fetch 8024402B - unsure; wua fetch 801901FF - documented; wua fetch 80244018 - documented; wua fetch 80190193 - documented"},
	} {
		s := &shown{Finding: tt.finding, by: tt.by}
		var got []string
		for _, c := range s.coded() {
			got = append(got, fmt.Sprintf("%s %s %s %s-%s %s", c.Agent, c.Layer, strings.TrimPrefix(c.Code.String(), "0x"), c.Since, c.Until, c.Sure))
		}
		if text := strings.Join(got, "; "); text != tt.want {
			t.Errorf("%s: it is logged as\n%s, want\n%s", tt.name, text, tt.want)
		}
	}
	s := &shown{Finding: HostBlocked, by: []*judged{tunnel}}
	for w, want := range map[Windows]string{Win11: "0x80240438", Win7: "0x80244018"} {
		if c, ok := s.loggedBy(WUA, tunnel.Step, w); !ok || c.Code.String() != want || c.Sure != Unsure {
			t.Errorf("%s logs a CONNECT that is denied as %s (%s), want %s (%s)", w, c.Code, c.Sure, want, Unsure)
		}
	}
}
