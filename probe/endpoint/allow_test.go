package endpoint

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// allowRows are one of each kind of row.
var allowRows = []*Row{
	{List: "win10-11", Pattern: "*.update.microsoft.com", Scheme: "both", Ports: []string{"80", "443"}, Purpose: "metadata", Inspection: InspectionNo, Source: "a document", Sure: Verified},
	{List: "win10-11", Pattern: "slscr.update.microsoft.com", Scheme: "https", Ports: []string{"443"}, Purpose: "locator", Inspection: InspectionUnknown, Source: "a copy", Sure: SecondHand},
	{List: "win10-11", Pattern: "*.windowsupdate.com", Scheme: "http", Ports: []string{"80"}, Purpose: "payload", Inspection: InspectionUnknown, Source: "a document", Sure: Verified},
	{List: "win10-11", Pattern: "wustat.windows.com", Scheme: "http", Ports: []string{"80"}, Retired: true, Source: "a document", Sure: Verified},
	{List: "win10-11", Pattern: "go.microsoft.com", Scheme: "http", Ports: []string{"80"}, Purpose: "links", Source: "nothing", Sure: Remembered},
	{List: "crl", Pattern: "www.microsoft.com/pkiops/crl/*", Scheme: "http", Ports: []string{"80"}, Purpose: "revocation lists", Inspection: InspectionUnknown, Source: "a document", Sure: Verified},
	{List: "crl", Pattern: "ocsp.digicert.com", Scheme: "http", Ports: []string{"80"}, Inspection: InspectionUnknown, Source: "a document", Sure: Verified},
	{List: "store", Pattern: "*displaycatalog.mp.microsoft.com", Scheme: "https", Ports: []string{"443"}, Purpose: "catalogue", Inspection: InspectionNo, Source: "a document", Sure: Verified},
	{List: "store", Pattern: "login.live.com", Scheme: "https", Ports: []string{"443", "8443"}, Purpose: "sign-in", Inspection: InspectionUnknown, Source: "a document", Sure: Verified},
	{List: "store", Pattern: "(peer to peer)", Ports: []string{"7680/tcp"}, Source: "a document", Sure: Verified},
	{List: "store", Pattern: "time.windows.com", Ports: []string{"123/udp"}, Source: "a document", Sure: Verified},
}

func allowFixture() *Allowlist {
	day := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	rows := slices.Clone(allowRows)
	for i, r := range rows {
		dated := *r
		if dated.List != "store" {
			dated.Checked = day
		}
		rows[i] = &dated
	}
	a := Allow("win11", []*List{{Name: "win10-11", Title: "Windows 10 and 11"}, {Name: "crl", Title: "revocation"}, {Name: "store", Title: "Store"}, {Name: "ncsi"}}, rows, day.AddDate(0, 1, 0))
	a.Proxy = "proxy.example:3128"
	a.Notes = []string{"it has a note"}
	return a
}

// What allowlist writes of a few rows is as it was looked over.
func TestFormats(t *testing.T) {
	for _, f := range Formats {
		t.Run(f.Name, func(t *testing.T) {
			var b bytes.Buffer
			if err := f.Write(&b, allowFixture()); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "allow_"+f.Name)
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b.Bytes(), want) {
				t.Errorf("it is not as in %s:\n%s", file, b.String())
			}
		})
	}
}

// The rules of a product are these, by hand: without comments and without what does not
// depend on the rows.
func TestRulesOfFormats(t *testing.T) {
	tests := map[string]string{
		"squid": `acl windowsupdate-80 dstdomain -n ocsp.digicert.com
acl windowsupdate-80 dstdomain -n .update.microsoft.com
acl windowsupdate-80 dstdomain -n .windowsupdate.com
acl windowsupdate-80 dstdomain -n go.microsoft.com
acl windowsupdate-80-not dstdomain -n update.microsoft.com
acl windowsupdate-80-not dstdomain -n windowsupdate.com
acl windowsupdate-443 dstdomain -n login.live.com
acl windowsupdate-443 dstdomain -n .displaycatalog.mp.microsoft.com
acl windowsupdate-443 dstdomain -n .update.microsoft.com
acl windowsupdate-443-not dstdomain -n update.microsoft.com`,
		"squid-splice": `acl windowsupdate-pinned ssl::server_name .displaycatalog.mp.microsoft.com
acl windowsupdate-pinned ssl::server_name .update.microsoft.com
acl windowsupdate-pinned-not ssl::server_name update.microsoft.com`,
		"nginx": `	ocsp.digicert.com 1;
	*.update.microsoft.com 1;
	*.windowsupdate.com 1;
	go.microsoft.com 1;`,
		"haproxy": `acl windowsupdate-80 var(txn.windowsupdate_host) -m str ocsp.digicert.com
acl windowsupdate-80 var(txn.windowsupdate_host) -m end .update.microsoft.com
acl windowsupdate-80 var(txn.windowsupdate_host) -m end .windowsupdate.com
acl windowsupdate-80 var(txn.windowsupdate_host) -m str go.microsoft.com
acl windowsupdate-443 var(txn.windowsupdate_host) -m str login.live.com
acl windowsupdate-443 var(txn.windowsupdate_host) -m str displaycatalog.mp.microsoft.com
acl windowsupdate-443 var(txn.windowsupdate_host) -m end .displaycatalog.mp.microsoft.com
acl windowsupdate-443 var(txn.windowsupdate_host) -m end .update.microsoft.com`,
		"privoxy": `ocsp.digicert.com:80/
.*.update.microsoft.com:80/
.*.windowsupdate.com:80/
go.microsoft.com:80/
login.live.com:443
displaycatalog.mp.microsoft.com:443
.*.displaycatalog.mp.microsoft.com:443
.*.update.microsoft.com:443`,
		"tinyproxy": `^http://ocsp[.]digicert[.]com(:80)?(/.*)?$
^http://([-a-z0-9_]+[.])+update[.]microsoft[.]com(:80)?(/.*)?$
^http://([-a-z0-9_]+[.])+windowsupdate[.]com(:80)?(/.*)?$
^http://go[.]microsoft[.]com(:80)?(/.*)?$
^login[.]live[.]com:443$
^displaycatalog[.]mp[.]microsoft[.]com:443$
^([-a-z0-9_]+[.])+displaycatalog[.]mp[.]microsoft[.]com:443$
^([-a-z0-9_]+[.])+update[.]microsoft[.]com:443$`,
		"paloalto": `ocsp.digicert.com/
login.live.com/
displaycatalog.mp.microsoft.com/
*.displaycatalog.mp.microsoft.com/
*.update.microsoft.com/
*.windowsupdate.com/
go.microsoft.com/
www.microsoft.com/pkiops/crl/
displaycatalog.mp.microsoft.com/
*.displaycatalog.mp.microsoft.com/
*.update.microsoft.com/`,
		"zscaler": `ocsp.digicert.com
login.live.com
.displaycatalog.mp.microsoft.com
.update.microsoft.com
.windowsupdate.com
go.microsoft.com
www.microsoft.com/pkiops/crl/
.displaycatalog.mp.microsoft.com
.update.microsoft.com`,
		"bluecoat": `url.host.exact=ocsp.digicert.com
url.host.exact=login.live.com
url.domain=displaycatalog.mp.microsoft.com
url.domain=update.microsoft.com
url.domain=windowsupdate.com
url.host.exact=go.microsoft.com
url=http://www.microsoft.com/pkiops/crl/
url.domain=displaycatalog.mp.microsoft.com
url.domain=update.microsoft.com`,
		"fortigate": `        set fqdn "ocsp.digicert.com"
        set fqdn "*.update.microsoft.com"
        set fqdn "*.windowsupdate.com"
        set fqdn "go.microsoft.com"
        set fqdn "www.microsoft.com"
        set fqdn "login.live.com"
        set fqdn "displaycatalog.mp.microsoft.com"
        set fqdn "*.displaycatalog.mp.microsoft.com"
        set fqdn "*.update.microsoft.com"
        set wildcard-fqdn "displaycatalog.mp.microsoft.com"
        set wildcard-fqdn "*.displaycatalog.mp.microsoft.com"
        set wildcard-fqdn "*.update.microsoft.com"`,
		"hosts": `ocsp.digicert.com
login.live.com
displaycatalog.mp.microsoft.com
*.displaycatalog.mp.microsoft.com
*.update.microsoft.com
*.windowsupdate.com
go.microsoft.com
www.microsoft.com/pkiops/crl/*`,
	}
	names := regexp.MustCompile(`(microsoft|windowsupdate|digicert|live)(\.|\[\.\])com`)
	for _, f := range Formats {
		want, ok := tests[f.Name]
		if !ok {
			continue
		}
		var b bytes.Buffer
		if err := f.Write(&b, allowFixture()); err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(b.String()) {
			path := strings.Contains(line, "[:blank:]") // which another test has
			if names.MatchString(line) && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ";") && !path {
				got = append(got, strings.TrimRight(line, "\n"))
			}
		}
		if text := strings.Join(got, "\n"); text != want {
			t.Errorf("%s:\n%s\nwant\n%s", f.Name, text, want)
		}
	}
}

// What is no rule is said, and what is not sure stands below a line that says so.
func TestAllowlistSaysWhatItLeavesOut(t *testing.T) {
	a := allowFixture()
	want := []LeftOut{
		{"wustat.windows.com", "retired: it has no public name any more"},
		{"login.live.com", "of its ports 8443, which are not those of web proxies"},
		{"(peer to peer)", "it has no name that a rule could be for"},
		{"time.windows.com", "neither HTTP on port 80 nor HTTPS on port 443"},
	}
	if !slices.Equal(a.Left, want) {
		t.Errorf("left out: %q", a.Left)
	}
	for _, name := range []string{"squid", "pac", "nginx", "haproxy", "privoxy", "tinyproxy", "fortigate", "paloalto", "zscaler", "bluecoat", "hosts", "md", "json"} {
		var b bytes.Buffer
		if err := formatNamed(t, name).Write(&b, a); err != nil {
			t.Fatal(err)
		}
		said := b.String()
		for _, part := range []string{"wustat.windows.com", "retired", "a document", "2026-10-01", "memory", "it has a note"} {
			if !strings.Contains(said, part) {
				t.Errorf("%s does not say %q", name, part)
			}
		}
	}
}

func formatNamed(t *testing.T, name string) *Format {
	i := slices.IndexFunc(Formats, func(f *Format) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("there is no format %s", name)
	}
	return Formats[i]
}

// The rows that CSV has are those that the rules are made from.
func TestAllowlistCSV(t *testing.T) {
	var b bytes.Buffer
	if err := formatNamed(t, "csv").Write(&b, allowFixture()); err != nil {
		t.Fatal(err)
	}
	rows, err := Parse(&b, "it", time.Time{})
	if err != nil || len(rows) != 8 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// A name below one whose TLS is not to be inspected is not to be either, and JSON says
// how sure each is.
func TestAllowlistJSON(t *testing.T) {
	var b bytes.Buffer
	if err := formatNamed(t, "json").Write(&b, allowFixture()); err != nil {
		t.Fatal(err)
	}
	var out struct {
		Allowlist []struct {
			Pattern, Sure string
			Inspection    string `json:"tls_inspection"`
			Ports         []string
		}
	}
	if err := json.Unmarshal(b.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range out.Allowlist {
		got = append(got, strings.TrimSpace(r.Pattern+" "+strings.Join(r.Ports, ",")+" "+r.Inspection+" "+r.Sure))
	}
	want := []string{
		"ocsp.digicert.com 80  source", "login.live.com 443 unknown source", "go.microsoft.com 80  memory",
		"displaycatalog.mp.microsoft.com 443 no source", "*.displaycatalog.mp.microsoft.com 443 no source",
		"*.update.microsoft.com 80,443 no source", "slscr.update.microsoft.com 443 no second hand",
		"www.microsoft.com/pkiops/crl/* 80  source", "*.windowsupdate.com 80  source",
	}
	if !slices.Equal(got, want) {
		t.Errorf("rules:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A rule stays in the directory that it is for.
func TestPathsStay(t *testing.T) {
	path := regexp.MustCompile("^" + (&Allowed{Path: "/pkiops/crl/*"}).pathRegexp() + anyQuery + "$")
	tests := map[string]bool{
		"/pkiops/crl/": true, "/pkiops/crl/a.crl": true, "/pkiops/crl/Update%20CA%202.1.crl": true, "/pkiops/crl/Update CA 2.1(1).crl": true,
		"/pkiops/crl/a/b.crl": true, "/pkiops/crl/a.crl?b=1.5": true,
		"/pkiops/crl": false, "/pkiops/crlx": false, "/x/pkiops/crl/": false, "/pkiops/crl/../x": false, "/pkiops/crl/a/../../x": false,
		"/pkiops/crl/..": false, "/pkiops/crl/.%2e/x": false, "/pkiops/crl/%2E%2E/x": false, "/pkiops/crl/..%2fx": false, "/pkiops/crl/%2fx": false,
		`/pkiops/crl/..\x`: false, "/pkiops/crl/a%5cx": false, "/pkiops/crl/a?/../../x": false, "/pkiops/crl/a\nb": false,
	}
	for in, want := range tests {
		if got := path.MatchString(in); got != want {
			t.Errorf("%q: %t", in, got)
		}
	}
	exact := (&Allowed{Path: "/a.b"}).pathRegexp()
	if exact != "/a[.]b" {
		t.Errorf("of /a.b: %s", exact)
	}
}

// Patterns that no rule can be made from are left out, with the reason.
func TestHostilePatterns(t *testing.T) {
	for _, p := range []string{
		"", "*", "*.", "*.com", "com", ".example.com", "*..example.com", "a..example.com", "a.*.example.com", "*.*.example.com", "-a.example.com",
		"a.example.com:80", "user@example.com", "192.0.2.1", "2001:db8::1", "[::1]", "a_b.example.com", "exämple.com", "a b.example.com",
		"a.example.com\n", "a.example.com\nhttp_access allow all", "a.example.com;", "a.example.com\"", "a.example.com'", "a.example.com{", "a.example.com#",
		"a.example.com/..", "a.example.com/../x", "a.example.com/x/../y/*", "a.example.com/a b", "a.example.com/a\"b", "a.example.com/$1", "a.example.com/(a|b)",
		"a.example.com/a*b", "a.example.com//x", "a.example.com/%2e%2e/x", "*.example.com/x/*", strings.Repeat("a.", 130) + "com", strings.Repeat("a", 64) + ".com",
		"a.example.com/" + strings.Repeat("a", 300),
	} {
		a := Allow("win11", nil, []*Row{{List: "l", Pattern: p, Scheme: "both", Ports: []string{"80", "443"}}}, time.Time{})
		if len(a.Allowed) != 0 || len(a.Left) != 1 {
			t.Errorf("%q: %v", p, a.Allowed)
		}
	}
	for p, want := range map[string]string{
		"Download.WindowsUpdate.com": "download.windowsupdate.com", "*.A.example": "*.a.example", "a.example/*": "a.example", "a.example/x": "a.example a.example/x",
		"a.example/": "a.example", "a-1.xn--p1ai": "a-1.xn--p1ai", "*a.example": "a.example *.a.example",
	} {
		a := Allow("win11", nil, []*Row{{List: "l", Pattern: p, Scheme: "both", Ports: []string{"80", "443"}}}, time.Time{})
		var got []string
		for _, e := range a.Allowed {
			got = append(got, e.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", p, got, want)
		}
	}
}

// Ten thousand rows of one list are no trouble.
func TestLongAllowlist(t *testing.T) {
	var rows []*Row
	for i := range mostRows {
		name := strings.Repeat("a.", i%100) + "n" + strings.Repeat("b", i/200) + ".example.com"
		rows = append(rows, &Row{List: "own", Pattern: name, Scheme: "both", Ports: []string{"80", "443"}, Sure: Verified})
	}
	a := Allow("win11", []*List{{Name: "own"}}, rows, time.Time{})
	for _, f := range Formats {
		var b bytes.Buffer
		if err := f.Write(&b, a); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	if len(a.Allowed) < 1000 {
		t.Errorf("%d rules", len(a.Allowed))
	}
}

// Nothing that a row says gets out of its place: what is written of a product has only
// printable ASCII, and the lines and quotes that it has for a harmless row.
func FuzzAllowlist(f *testing.F) {
	f.Add("*.windowsupdate.com", "a document", "payload", "both", "80")
	f.Add("a.example.com\nhttp_access allow all", "source\nhttp_access allow all", "\r\n\"", "http", "80")
	f.Add("www.microsoft.com/pkiops/crl/*", "\u2028 // */", "|", "https", "443")
	f.Add(`*a.example";}`, "`'\"<>\\", "\x1b[31m", "both", "443\n22")
	f.Add("(x)", "", "", "", "")
	f.Fuzz(func(t *testing.T, pattern, source, purpose, scheme, port string) {
		row := func(pattern, source, purpose, port string) []*Row {
			return []*Row{{List: "own", Pattern: pattern, Scheme: scheme, Ports: []string{port, "80", "443"}, Purpose: purpose, Source: source, Sure: SecondHand, Inspection: InspectionNo}}
		}
		lists := []*List{{Name: "own", Title: "a list of your own"}}
		hostile := Allow("win11", lists, row(pattern, source, purpose, port), time.Time{})
		harmless := Allow("win11", lists, row(harmlessLike(hostile), "x", "x", "1"), time.Time{})
		harmless.Left = slices.Repeat([]LeftOut{{"x", "x"}}, len(hostile.Left))
		for _, e := range hostile.Allowed {
			if !safeName.MatchString(e.Name) || strings.ContainsAny(e.Path, " \n\"'\\;{}()$%#|") {
				t.Fatalf("%q got through as %q", pattern, e)
			}
		}
		for _, format := range Formats {
			if format.Name == "csv" || format.Name == "json" {
				continue // encoders of Go's own write these
			}
			text, plain := written(t, format, hostile), written(t, format, harmless)
			for _, r := range text {
				if r != '\n' && r != '\t' && (r < ' ' || r > '~') {
					t.Fatalf("%s of %q has %q", format.Name, pattern, r)
				}
			}
			for _, c := range []string{"\n", "\"", "'"} {
				if got, want := strings.Count(text, c), strings.Count(plain, c); got != want {
					t.Errorf("%s of %q, %q has %d times %q, want %d:\n%s", format.Name, pattern, source, got, c, want, text)
				}
			}
		}
	})
}

// harmlessLike is a harmless pattern of the same kind as that of an allow list.
func harmlessLike(a *Allowlist) string {
	if len(a.Allowed) == 0 {
		return "("
	}
	kinds := map[string]bool{}
	for _, e := range a.Allowed {
		switch {
		case e.Under:
			kinds["*."] = true
		case e.Path != "":
			kinds["/x"] = true
		default:
			kinds[""] = true
		}
	}
	switch {
	case kinds["*."] && kinds[""]:
		return "*x.example"
	case kinds["*."]:
		return "*.x.example"
	case kinds["/x"]:
		return "x.example/x"
	}
	return "x.example"
}

func written(t *testing.T, f *Format, a *Allowlist) string {
	var b bytes.Buffer
	if err := f.Write(&b, a); err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	return b.String()
}

// Every format of a product names the document that its syntax is from.
func TestFormatsHaveSources(t *testing.T) {
	ours := []string{"hosts", "json", "csv", "md"}
	for _, f := range Formats {
		if f.Title == "" || (f.Source == "") != slices.Contains(ours, f.Name) {
			t.Errorf("%s: title %q, source %q", f.Name, f.Title, f.Source)
		}
	}
	for _, name := range []string{"fortigate", "paloalto", "zscaler", "bluecoat"} {
		if !strings.Contains(written(t, formatNamed(t, name), allowFixture()), "Source: ") {
			t.Errorf("%s does not say where its syntax is from", name)
		}
	}
}
