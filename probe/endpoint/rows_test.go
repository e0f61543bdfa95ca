package endpoint

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// The embedded lists can be read, and say of each row what somebody must know of it.
func TestAll(t *testing.T) {
	rows, checked := All(), time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	if len(rows) != strings.Count(endpoints, "\n")-1 || len(rows) < 250 {
		t.Errorf("there are %d rows", len(rows))
	}
	for _, r := range rows {
		if r.Source == "" || r.Purpose == "" || !slices.ContainsFunc(Lists, func(l *List) bool { return l.Name == r.List }) {
			t.Errorf("%+v lacks a source, a purpose or a list", r)
		}
		if (r.Sure == Verified) != r.Checked.Equal(checked) || r.Sure != Verified && !r.Checked.IsZero() {
			t.Errorf("%s of %s is known from %s, and was checked on %v", r.Pattern, r.List, r.Sure, r.Checked)
		}
		if unproved := strings.HasPrefix(r.Source, "UNVERIFIED") || strings.HasPrefix(r.Source, "PARTLY"); unproved && r.Sure == Verified {
			t.Errorf("%s of %s passes for verified, with the source %s", r.Pattern, r.List, r.Source)
		}
	}
	for _, l := range Lists {
		if !slices.Contains(listNames(rows), l.Name) {
			t.Errorf("the list %s has no row", l.Name)
		}
	}
}

const header = "list,pattern,scheme,ports\n"

func TestParse(t *testing.T) {
	day := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	for _, tt := range []struct {
		name, text string
		want       Row
	}{
		{"what is needed alone", header + "own,WSUS.Example.ORG,http,8530\n", Row{List: "own", Pattern: "wsus.example.org", Scheme: "http", Ports: []string{"8530"}}},
		{"other order, spaces, a comment and the mark of spreadsheets", "\ufeffports, Scheme ,pattern,list\r\n# ours\r\n\"443,80, 443\",BOTH, *.example.org ,Own\r\n",
			Row{List: "own", Pattern: "*.example.org", Scheme: "both", Ports: []string{"443", "80"}}},
		{"a suffix", header + "own,*catalog.example.org,https,443\n", Row{List: "own", Pattern: "*catalog.example.org", Scheme: "https", Ports: []string{"443"}}},
		{"a path keeps its case", header + "own,EXAMPLE.org/Pki/crl/*,http,80\n", Row{List: "own", Pattern: "example.org/Pki/crl/*", Scheme: "http", Ports: []string{"80"}}},
		{"no HTTP", header + "own,(peers),,7680/TCP\n", Row{List: "own", Pattern: "(peers)", Ports: []string{"7680/tcp"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, err := Parse(strings.NewReader(tt.text), "own.csv", day)
			tt.want.Inspection, tt.want.Era, tt.want.Sure = InspectionUnknown, Current, Verified
			tt.want.Checked = time.Date(2026, 5, 6, 0, 0, 0, 0, time.UTC)
			if err != nil || len(rows) != 1 || !reflect.DeepEqual(*rows[0], tt.want) {
				t.Errorf("got %+v, %v; want %+v", rows, err, tt.want)
			}
		})
	}
}

// A row that nobody held against the source has no date, whatever it or the file says.
func TestParseDates(t *testing.T) {
	text := "list,pattern,scheme,ports,sure,checked\na,a.example,http,80,source,2026-01-02\n" +
		"a,b.example,http,80,memory,2026-01-02\na,c.example,http,80,second hand,\na,d.example,http,80,,\n"
	rows, err := Parse(strings.NewReader(text), "own.csv", time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		got = append(got, Day(r.Checked))
	}
	if want := []string{"2026-01-02", "", "", "2025-03-04"}; !slices.Equal(got, want) {
		t.Errorf("checked %q, want %q", got, want)
	}
}

func TestParseRefuses(t *testing.T) {
	row := func(list, pattern, scheme, ports string) string {
		return fmt.Sprintf("%sok,ok.example,http,80\n%s,%s,%s,%s\n", header, list, pattern, scheme, ports)
	}
	wide := func(column, value string) string {
		return "list,pattern,scheme,ports," + column + "\nok,ok.example,http,80," + value + "\n"
	}
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "own.csv: it is empty"},
		{"a header alone", header, "there is no row"},
		{"another separator", "list;pattern;scheme;ports\n", `line 1: there is no column "list;pattern;scheme;ports"`},
		{"a column too few", "list,pattern,scheme\n", "line 1: the column ports is missing"},
		{"a column twice", "list,pattern,scheme,ports,list\n", "line 1: the column list is there twice"},
		{"a column of its own", "list,pattern,scheme,ports,\x1b[2J\n", `there is no column "\x1b[2j"`},
		{"a cell too many", header + "a,b.example,http,80,x\n", "line 2: wrong number of fields"},
		{"a quote that stays open", header + "\"a,b.example,http,80\n", "line 2: extraneous or missing"},
		{"no name of a list", row("a b", "a.example", "http", "80"), "line 3: list: "},
		{"a control character", row("a\x1b[2J", "a.example", "http", "80"), `line 3: list: "a\x1b[2j"`},
		{"a URL", row("a", "http://a.example/", "http", "80"), "line 3: pattern: "},
		{"a blank", row("a", "a.example b.example", "http", "80"), "line 3: pattern: "},
		{"a rule of Squid", row("a", "\"a.example\nhttp_access allow all\"", "http", "80"), "line 3: pattern: "},
		{"letters that look alike", row("a", "microsоft.com", "http", "80"), `line 3: pattern: "micros\u043eft.com"`},
		{"everything", row("a", "*", "http", "80"), "line 3: pattern: "},
		{"all of a domain", row("a", "*.com", "http", "80"), "two labels at least"},
		{"a * inside", row("a", "a.*.example", "http", "80"), "line 3: pattern: "},
		{"a wildcard with a path", row("a", "*.a.example/x/*", "http", "80"), "a host before a path"},
		{"a path with what ends a regular expression", row("a", "a.example/x$(y)", "http", "80"), "line 3: pattern: "},
		{"an empty label", row("a", "a..example", "http", "80"), "line 3: pattern: "},
		{"a label of 64", row("a", strings.Repeat("a", 64)+".example", "http", "80"), "line 3: pattern: "},
		{"a name of 300", row("a", strings.Repeat("a.", 150)+"example", "http", "80"), "line 3: pattern: "},
		{"no scheme that there is", row("a", "a.example", "ftp", "80"), `line 3: scheme: "ftp" is unknown`},
		{"no port", row("a", "a.example", "http", ""), `line 3: ports: "" is no port`},
		{"port 0", row("a", "a.example", "http", "0"), "is no port"},
		{"port 65536", row("a", "a.example", "http", "65536"), "is no port"},
		{"a port with a zero before it", row("a", "a.example", "http", "080"), "is no port"},
		{"a range of ports", row("a", "a.example", "http", "80-90"), "is no port"},
		{"a transport with a scheme", row("a", "a.example", "http", "80/tcp"), "has no place in a row with a scheme"},
		{"both schemes at one port", row("a", "a.example", "both", "8080"), "a line for each scheme"},
		{"an era", wide("era", "modern"), `era: "modern" is unknown: want one of ["current" "legacy"]`},
		{"inspection", wide("tls_inspection_allowed", "perhaps"), "tls_inspection_allowed: "},
		{"sureness", wide("sure", "certain"), `sure: "certain" is unknown`},
		{"retired", wide("retired", "x"), "retired: "},
		{"a version of Windows", wide("since", "win95"), "since: "},
		{"a day", wide("checked", "20.11.2026"), "checked: "},
		{"a purpose that turns the text", wide("purpose", "gpj.\u202eexe"), "purpose: "},
		{"a purpose with an escape", wide("purpose", "\x1b]0;x\x07"), "purpose: "},
		{"a purpose in no UTF-8", wide("purpose", "\xff"), "no UTF-8"},
		{"a source without end", wide("source", strings.Repeat("a", 501)), "longer than 500"},
		{"a probe of another host", wide("probe_url", "http://b.example/"), "probe_url: "},
		{"a probe at another port", wide("probe_url", "https://ok.example/"), "probe_url: "},
		{"a probe with a login", wide("probe_url", "http://u:p@ok.example/"), "probe_url: "},
		{"a hundred thousand rows", header + strings.Repeat("a,a.example,http,80\n", 100_000), "line 10002: there are more than 10000 rows"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, err := Parse(strings.NewReader(tt.text), "own.csv", time.Time{})
			if err == nil || !strings.HasPrefix(err.Error(), "own.csv: ") || !strings.Contains(err.Error(), tt.want) || rows != nil {
				t.Fatalf("got %v, %v; want an error with %q", rows, err, tt.want)
			}
			if s := err.Error(); len(s) > 400 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("the error is %q", s)
			}
		})
	}
}

// A file without end is not read to its end.
func TestParseIsBounded(t *testing.T) {
	endless := &counter{r: io.MultiReader(strings.NewReader(header), endlessly("# "+strings.Repeat("x", 4094)))}
	_, err := Parse(endless, "own.csv", time.Time{})
	if err == nil || !strings.Contains(err.Error(), "longer than 4 MiB") || endless.n > mostBytes+1<<16 {
		t.Errorf("after %d bytes: %v", endless.n, err)
	}
	broken := iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(header)))
	if _, err := Parse(broken, "own.csv", time.Time{}); err == nil {
		t.Error("a reader that fails gives rows")
	}
}

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

type endlessly string

func (s endlessly) Read(p []byte) (int, error) { return copy(p, s), nil }

func TestExtend(t *testing.T) {
	base := []*Row{{List: "a", Pattern: "1"}, {List: "b", Pattern: "2"}, {List: "a", Pattern: "3"}}
	with := []*Row{{List: "a", Pattern: "4"}, {List: "own", Pattern: "5"}}
	var got []string
	for _, r := range Extend(base, with) {
		got = append(got, r.List+r.Pattern)
	}
	if want := []string{"b2", "a4", "own5"}; !slices.Equal(got, want) || base[0].Pattern != "1" {
		t.Errorf("got %v, want %v, with %v as it was", got, want, base)
	}
}

// What is read can be written, and is then read as the same; and all of it is plain.
func FuzzParse(f *testing.F) {
	f.Add(endpoints[:4000][:strings.LastIndex(endpoints[:4000], "\n")+1])
	f.Add(header + "own,*.example.org,both,\"80,443\"\n")
	f.Add("checked,list,pattern,scheme,ports,sure,purpose,since\n2026-01-02,a,(peers),,7680/tcp,memory,\"a \"\"b\"\", c\",win10\n")
	f.Add("\ufefflist,pattern,scheme,ports,probe_url\r\na,*x.example,https,\"443,8443\",https://ax.example:8443/p?q\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		checked := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
		rows, err := Parse(strings.NewReader(text), "own.csv", checked)
		if err != nil {
			return
		}
		if len(rows) == 0 || len(rows) > mostRows || len(text) > mostBytes {
			t.Fatalf("%d rows of %d bytes", len(rows), len(text))
		}
		var again bytes.Buffer
		if err := WriteCSV(&again, rows); err != nil {
			t.Fatal(err)
		}
		back, err := Parse(bytes.NewReader(again.Bytes()), "again.csv", checked)
		if err != nil && again.Len() <= mostBytes || err == nil && !reflect.DeepEqual(rows, back) {
			t.Fatalf("%v: %q is read as\n%+v, and then as\n%+v", err, again.String(), deref(rows), deref(back))
		}
		if n, err := csv.NewReader(&again).ReadAll(); err == nil && len(n) != len(rows)+1 {
			t.Fatalf("%d lines for %d rows", len(n), len(rows))
		}
		hosts, untested := Hosts(rows[:min(len(rows), 100)], "")
		for _, h := range hosts {
			if name := strings.Replace(h.Name, "{run}", "0", 1); !Matches(h.Pattern, name) || !isHost(name) || !strings.HasPrefix(h.Path, "/") {
				t.Errorf("%+v is no host under its pattern", h)
			}
		}
		if len(hosts)+len(untested) == 0 {
			t.Errorf("nothing comes of %q", text)
		}
	})
}

func deref(rows []*Row) (all []Row) {
	for _, r := range rows {
		all = append(all, *r)
	}
	return all
}
