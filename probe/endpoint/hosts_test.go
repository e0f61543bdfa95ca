package endpoint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"a.example", "a.example", true}, {"a.example", "A.EXAMPLE.", true}, {"a.example", "b.a.example", false},
		{"*.a.example", "b.a.example", true}, {"*.a.example", "c.b.a.example", true}, {"*.a.example", "a.example", false},
		{"*.a.example", ".a.example", false}, {"*.a.example", "ba.example", false}, {"*.a.example", "b.a.example.evil", false},
		{"*cat.example", "cat.example", true}, {"*cat.example", "bobcat.example", false}, {"*cat.example", "a.cat.example", true},
		{"a.example/pki/*", "a.example", true}, {"a.example/pki/*", "b.example", false}, {"(peers)", "peers", false},
	} {
		if got := Matches(tt.pattern, tt.name); got != tt.want {
			t.Errorf("%s covers %s: %v", tt.pattern, tt.name, got)
		}
	}
}

// show writes a host for a table.
func show(h Host) string {
	s := fmt.Sprintf("%s:%s %s %s", h.Name, h.Port, h.By, h.Path)
	for _, mark := range []struct {
		is   bool
		text string
	}{{h.TLS, " tls"}, {h.Numbered, " numbered"}, {h.Control, " control"}, {h.Retired(), " retired"}, {h.Optional != "", " optional"}, {h.Pinned(), " pinned"}} {
		if mark.is {
			s += mark.text
		}
	}
	if h.Magic != "" {
		s += " " + h.Magic
	}
	return s
}

func TestHosts(t *testing.T) {
	for _, tt := range []struct{ name, rows, windows, hosts, untested string }{
		{"payload is asked for by HTTP alone, with the numbers before it", `a,*.tlu.dl.delivery.mp.microsoft.com,both,"80,443"`, "win11", `
1.tlu.dl.delivery.mp.microsoft.com:80 do / numbered
2.tlu.dl.delivery.mp.microsoft.com:80 do / numbered
3.tlu.dl.delivery.mp.microsoft.com:80 do / numbered
4.tlu.dl.delivery.mp.microsoft.com:80 do / numbered
7.tlu.dl.delivery.mp.microsoft.com:80 do / numbered
9.tlu.dl.delivery.mp.microsoft.com:80 do / numbered
11.tlu.dl.delivery.mp.microsoft.com:80 do / numbered
msedge.b.tlu.dl.delivery.mp.microsoft.com:80 do / numbered
proxycheck-{run}.tlu.dl.delivery.mp.microsoft.com:80 do / control`,
			"*.tlu.dl.delivery.mp.microsoft.com: known names that are asked for: 8; at port 443 no name is known"},
		{"a version of Windows asks for its own names", `a,*.update.microsoft.com,both,"80,443"`, "win7", `
fe2.update.microsoft.com:80 wua /v11/2/windowsupdate/redir/v6-win7sp1-wuredir.cab MSCF
www.update.microsoft.com:80 wua /v9/windowsupdate/selfupdate/wuident.cab MSCF
fe2.update.microsoft.com:443 wua /v6/ClientWebService/client.asmx tls
www.update.microsoft.com:443 wua / tls
proxycheck-{run}.update.microsoft.com:80 wua / control
proxycheck-{run}.update.microsoft.com:443 wua / tls control`,
			"*.update.microsoft.com: known names that are asked for: 2"},
		{"names that cannot be enumerated", `a,*.prod.do.dsp.mp.microsoft.com,both,"80,443"`, "win11", `
geo.prod.do.dsp.mp.microsoft.com:443 do / tls
geover.prod.do.dsp.mp.microsoft.com:443 do / tls
proxycheck-{run}.prod.do.dsp.mp.microsoft.com:443 do / tls control`,
			"*.prod.do.dsp.mp.microsoft.com: known names that are asked for: 2; kv*, cp*, disc*, array* cannot be enumerated; at port 80 no name is known"},
		{"nothing is known of a wildcard", `a,*.example.org,both,"80,443"`, "win11", `
proxycheck-{run}.example.org:80 wua / control
proxycheck-{run}.example.org:443 wua / tls control`,
			"*.example.org: no name under it is known: only one that cannot exist is asked for"},
		{"a suffix is a name too", `store,*catalog.example.org,https,443`, "win11", `
catalog.example.org:443 wua / tls
proxycheck-{run}.catalog.example.org:443 wua / tls control`,
			"*catalog.example.org: known names that are asked for: 1"},
		{"one path of a host", "crl,www.microsoft.com/pkiops/crl/*,http,80\ncrl,www.microsoft.com/pki/certs/*,http,80", "win11",
			"\nwww.microsoft.com:80 cryptoapi /pki/certs/MicRooCerAut2011_2011_03_22.crt 0",
			"www.microsoft.com/pkiops/crl/*: of the host only /pki/certs/MicRooCerAut2011_2011_03_22.crt is asked for"},
		{"other protocols", "delivery-optimization,(peers),,7680/tcp\nconnected-cache,hub.example.org,https,\"443,8883\"", "win11",
			"\nhub.example.org:443 do / tls",
			"(peers): port 7680/tcp is no HTTP, and nothing for a proxy|hub.example.org: port 8883 is no HTTP, and nothing for a proxy"},
		{"the site's own server", `wsus-server,(clients to WSUS),both,"8530,8531"`, "win11", "",
			"(clients to WSUS): port 8530, 8531 is asked for at no host that the list names"},
		{"known names as they are asked for", "ncsi,www.msftconnecttest.com,http,80\nncsi,ipv6.msftconnecttest.com,http,80", "win11", `
www.msftconnecttest.com:80 ncsi /connecttest.txt Microsoft Connect Test
ipv6.msftconnecttest.com:80 ncsi /connecttest.txt optional`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, err := Parse(strings.NewReader(header+tt.rows+"\n"), "rows", time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			hosts, untested := Hosts(rows, tt.windows)
			var got, open []string
			for _, h := range hosts {
				got = append(got, show(h))
			}
			for _, u := range untested {
				open = append(open, u.Pattern+": "+u.Open)
			}
			slices.Sort(got)
			want := strings.Fields(tt.hosts)
			if tt.hosts != "" {
				want = strings.Split(tt.hosts[1:], "\n")
			}
			slices.Sort(want)
			if !slices.Equal(got, want) || strings.Join(open, "|") != tt.untested {
				t.Errorf("asks for\n%s\nwant\n%s\nand leaves open\n%q, want\n%q", strings.Join(got, "\n"), strings.Join(want, "\n"), open, tt.untested)
			}
		})
	}
}

// A name that several rows want is asked for once, as the narrowest pattern has it.
func TestHostsMerge(t *testing.T) {
	text := "list,pattern,scheme,ports,tls_inspection_allowed,sure,retired,probe_url\n" +
		"a,*.example.org,https,443,no,memory,,https://www.example.org/hello\n" +
		"b,www.example.org,https,443,unknown,second hand,yes,\n" +
		"c,www.example.org,http,80,,,yes,\n" +
		"d,*.www.example.org,https,443,,,,\n"
	rows, err := Parse(strings.NewReader(text), "rows", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	hosts, _ := Hosts(rows, "win11")
	at := slices.IndexFunc(hosts, func(h Host) bool { return h.Name == "www.example.org" && h.TLS })
	h := hosts[at]
	if len(h.Rows) != 2 || h.Rows[0] != rows[0] || h.Rows[1] != rows[1] || h.Pattern != "www.example.org" || h.Sure != SecondHand {
		t.Errorf("it is %+v", h)
	}
	if show(h) != "www.example.org:443 wua /hello tls pinned" {
		t.Errorf("it is asked for as %s", show(h))
	}
	plain := slices.IndexFunc(hosts, func(h Host) bool { return h.Name == "www.example.org" && !h.TLS })
	if show(hosts[plain]) != "www.example.org:80 wua / retired" {
		t.Errorf("without TLS it is %s", show(hosts[plain]))
	}
}

// The hosts of every version of Windows are plain names, each once at a port, and few
// enough to be asked for in seconds; the order does not change.
func TestHostsOfAll(t *testing.T) {
	most := map[string]int{"win11": 70, "": 300}
	for _, windows := range append([]string{""}, Versions...) {
		lists := Default(windows, Lists)
		if windows == "" {
			lists = Lists
		}
		hosts, untested := Hosts(Rows(lists, All(), windows), windows)
		again, _ := Hosts(Rows(lists, All(), windows), windows)
		seen := map[string]bool{}
		for i, h := range hosts {
			name := strings.Replace(h.Name, "{run}", "0a1b2c3d", 1)
			if !isHost(name) || seen[h.Name+h.Port] || show(h) != show(again[i]) || !Matches(h.Pattern, name) || h.Control == (len(h.Rows) > 0) {
				t.Errorf("%q: %s", windows, show(h))
			}
			for _, r := range h.Rows {
				if !Matches(r.Pattern, name) || !slices.Contains(r.Ports, h.Port) {
					t.Errorf("%s is wanted by %s at %v", show(h), r.Pattern, r.Ports)
				}
			}
			seen[h.Name+h.Port] = true
		}
		if n := cmp.Or(most[windows], 70); len(hosts) > n || len(hosts) < 15 || len(untested) == 0 {
			t.Errorf("%q has %d hosts, and leaves %d open", windows, len(hosts), len(untested))
		}
	}
}

// What is known of names is complete, and a row of some list wants each.
func TestKnownNames(t *testing.T) {
	agents := []string{"wua", "bits", "do", "cryptoapi", "ncsi"}
	for _, k := range knownNames() {
		if !slices.Contains(agents, k.by) || !strings.HasPrefix(k.path, "/") || !slices.Contains([]Sure{Verified, SecondHand, Remembered}, k.sure) {
			t.Errorf("%+v lacks something", k)
		}
		for _, version := range []string{k.since, k.until} {
			if version != "" && !slices.Contains(Versions, version) {
				t.Errorf("%s is asked for from %s to %s", k.name, k.since, k.until)
			}
		}
		if !slices.ContainsFunc(All(), func(r *Row) bool { return k.under(r.Pattern) && slices.Contains(r.targets(), k.target) }) {
			t.Errorf("no list has %s at port %s", k.name, k.target.port)
		}
	}
}

// Ten thousand rows of somebody's own take no time.
func TestHostsOfMany(t *testing.T) {
	var rows []*Row
	for i := range mostRows {
		rows = append(rows, &Row{List: "own", Pattern: fmt.Sprintf("*x%d.example.org", i), Scheme: "both", Ports: []string{"80", "443"}, Inspection: InspectionNo})
	}
	start := time.Now()
	if hosts, untested := Hosts(rows, "win11"); len(hosts) != 4*mostRows || len(untested) != mostRows {
		t.Errorf("%d hosts, %d untested", len(hosts), len(untested))
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}
