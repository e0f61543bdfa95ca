package wuerr

import (
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Each constant stands in codes.csv under the symbol that its comment names.
func TestConstants(t *testing.T) {
	source, err := os.ReadFile("wuerr.go")
	if err != nil {
		t.Fatal(err)
	}
	constants := regexp.MustCompile(`(?m)^\t\w+\s+Code = (0x\w+) // (\w+)$`).FindAllStringSubmatch(string(source), -1)
	if len(constants) < 20 {
		t.Fatalf("found %d constants in wuerr.go", len(constants))
	}
	for _, m := range constants {
		c, err := Parse(m[1])
		if err != nil {
			t.Fatal(err)
		}
		e, ok := Lookup(c)
		if !ok {
			t.Errorf("%s is not in codes.csv", c)
		}
		if !slices.Contains(e.Names(), m[2]) {
			t.Errorf("%s is %v in codes.csv, and %s here", c, e.Names(), m[2])
		}
	}
}

// All that stands in codes.csv and aliases.csv, as their notes count it.
func TestAll(t *testing.T) {
	counts := map[string]int{}
	for i, e := range All() {
		if e.Symbol == "" || e.Component == "" || e.Meaning == "" || e.Phase == "" || e.Source == "" {
			t.Errorf("%s lacks a symbol, a component, a meaning, a phase or a source: %+v", e.Code, e)
		}
		if i > 0 && All()[i-1].Code >= e.Code {
			t.Errorf("%s stands twice or out of order", e.Code)
		}
		if e.Part().Title == "" || e.Part().ShownIn == "" {
			t.Errorf("%s is of component %q, which components.csv does not have", e.Code, e.Component)
		}
		if _, ok := e.Code.Facility(); !ok {
			t.Errorf("%s is of a facility that facilities.csv does not have", e.Code)
		}
		if n, ok := e.Code.Win32(); e.WinHTTP != 0 && (!ok || n != e.WinHTTP) {
			t.Errorf("%s is WinHTTP error %d by its number and %d in codes.csv", e.Code, n, e.WinHTTP)
		}
		if n, ok := e.Code.HTTPStatus(); ok && n != e.Status {
			t.Errorf("%s is status %d by its number and %d in codes.csv", e.Code, n, e.Status)
		}
		if strings.Contains(e.Source, inferredCause) || e.Inferred && e.ProxyCause == "" {
			t.Errorf("%s: the cause %q is inferred: %v, from %q", e.Code, e.ProxyCause, e.Inferred, e.Source)
		}
		counts["codes"]++
		counts[e.Component]++
		counts["aliases"] += len(e.Aliases)
		for name, has := range map[string]bool{"WinHTTP errors": e.WinHTTP != 0, "statuses": e.Status != 0, "inferred": e.Inferred} {
			if has {
				counts[name]++
			}
		}
	}
	want := map[string]int{"codes": 710, "aliases": 132, "WinHTTP errors": 101, "statuses": 72, "inferred": 340,
		"wua": 246, "winhttp": 101, "bits": 101, "do": 82, "winerror": 59, "http": 57, "tls": 51, "service": 13}
	if !maps.Equal(counts, want) {
		t.Errorf("the tables have %v, want %v", counts, want)
	}
}

// Some rows, as they stand in errors.csv and aliases.csv.
func TestLookup(t *testing.T) {
	for _, want := range []Entry{
		{Code: 0x80200013, Symbol: "BG_E_INSUFFICIENT_RANGE_SUPPORT", Component: "bits", Phase: "range"},
		{Code: 0x80072EFD, Symbol: "ERROR_WINHTTP_CANNOT_CONNECT", Component: "winhttp", WinHTTP: 12029, Phase: "connect",
			Aliases: []Alias{{"ERROR_INTERNET_CANNOT_CONNECT", "Wine wininet.h; mingw-w64 wininet.h"}, {"WININET_E_CANNOT_CONNECT", "Wine winerror.h"}}},
		{Code: 0x80244022, Symbol: "WU_E_PT_HTTP_STATUS_SERVICE_UNAVAIL", Component: "wua", Status: 503, Phase: "soap"},
		{Code: 0x801901F7, Symbol: "BG_E_HTTP_ERROR_503", Component: "http", Status: 503, Phase: "download"},
		{Code: 0x80D0201C, Symbol: "DO_E_FILE_SIZE_UNKNOWN_HTTP_206", Component: "do", Status: 206, Phase: "range", Inferred: true},
	} {
		got, ok := Lookup(want.Code)
		got.Meaning, got.ProxyCause, got.Fix, got.Source, got.Notes, got.Alike, got.Advice = "", "", "", "", nil, nil, nil
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("Lookup(%s) = %+v, %v, want %+v", want.Code, got, ok, want)
		}
	}
	if e, ok := Lookup(0x80200113); ok || e.Code != 0x80200113 || e.Symbol != "" {
		t.Errorf("of a code that no table has, Lookup gives %+v, %v", e, ok)
	}
}

// Every row of the tables beside codes.csv is of a code that it has, and in ASCII:
// what stands there is typed and searched for.
func TestTables(t *testing.T) {
	for name, file := range map[string]string{"notes.csv": notesCSV, "lookalikes.csv": lookalikesCSV, "kb10132.csv": kb10132CSV,
		"settings.csv": settingsCSV, "facilities.csv": facilitiesCSV, "components.csv": componentsCSV, "windows.csv": windowsCSV} {
		if i := strings.IndexFunc(file, func(r rune) bool { return r > '~' }); i >= 0 {
			t.Errorf("%s has %q", name, file[i:i+3])
		}
		for _, r := range records(file) {
			for _, c := range append(r.codes("hresult"), r.codes("other")...) {
				if c.Symbol() == "" {
					t.Errorf("%s: nothing is known of %s", name, c)
				}
			}
			for column, value := range r {
				if named := column != "name" || name != "facilities.csv"; named && strings.TrimSpace(value) != value || value == "" && named {
					t.Errorf("%s: column %s of %v is %q", name, column, r, value)
				}
			}
		}
	}
}

// The advice for a code is for each version at most once in each table, and that of
// KB10132 for all of them.
func TestAdvice(t *testing.T) {
	var versions []string
	for _, r := range records(windowsCSV) {
		versions = append(versions, r["name"])
	}
	codes := 0
	for _, e := range All() {
		given := map[Table][]string{}
		for _, a := range e.Advice {
			since, until := slices.Index(versions, a.Since), slices.Index(versions, a.Until)
			if since < 0 || until < since {
				t.Fatalf("%s: advice is for %q to %q", e.Code, a.Since, a.Until)
			}
			given[a.Table] = append(given[a.Table], versions[since:until+1]...)
		}
		for table, windows := range given {
			sorted := slices.Compact(slices.Clone(windows))
			if len(sorted) != len(windows) || table == KB10132 && !slices.Equal(windows, versions) {
				t.Errorf("%s: the advice of %s is for %v", e.Code, table, windows)
			}
		}
		if given[KB10132] != nil {
			codes++
		}
	}
	if codes != 16 {
		t.Errorf("KB10132 has advice for %d codes, want its 16", codes)
	}
}

// Each contradiction of the documents that concerns a code is noted there
// (data-notes.md, Contradictions and verdicts).
func TestNotes(t *testing.T) {
	for code, want := range map[Code]string{
		0x80240030: "KB2894304", 0x8024502D: "proxycfg", 0x80244020: "501", 0x80244023: "504", 0x80072F8F: "decoded",
		0x80072EFD: "time-out", 0x80072EFE: "time-out", 0x80240439: "0x80240004", 0x80245FFF: "0x802450FF", 0x802450FF: "0x80245FFF",
		0x803D0010: "0x804D00nn", 0x80070057: "E_OUTOFMEMORY", 0x80200013: "ConfigMgr", 0x8024401C: "407", 0x80240047: "WU_E_NOTSUPPORTED",
		0x80244010: "too many trips", 0x80244007: "redirect loop", 0x80072EE7: "no time-out", 0x8024500B: "0x80245003",
		0x80D05001: "no way out", 0x80240438: "no proxy is set", 0x80240440: "0x80240030", 0x8024502E: "Older references",
		0x80200023: "ENABLED", 0x80244022: "SERVICE_UNAVAILABLE", 0x8020002F: "older BITS", 0x8020003D: "older BITS",
		0x80200012: "HTTP/1.0", 0x801901F4: "Linux agent", 0x801901F7: "Linux agent", 0x80D03002: "setting", 0x80D03809: "setting",
		0x801901A2: "by the rule", 0x80200074: "one public header", 0x8024402E: "one public header", 0x80240067: "one public header",
	} {
		e, _ := Lookup(code)
		if !slices.ContainsFunc(e.Notes, func(n Note) bool { return strings.Contains(n.Text, want) && n.Source != "" }) {
			t.Errorf("the notes of %s do not say %q: %v", code, want, e.Notes)
		}
	}
}

// Commands are right for whoever types them: those of the documents are not always.
func TestCommands(t *testing.T) {
	wrong := regexp.MustCompile(`(?i)winttp|SeIncreate|[a-z]+=[a-z]*own|actions=r|TYPE: 20|privileges=|\*\.microsoft\.com|\*\.windowsupdate|[^\x00-\x7E]`)
	for _, e := range All() {
		for _, a := range e.Advice {
			for line := range strings.Lines(a.Mend) {
				if m := wrong.FindString(line); m != "" {
					t.Errorf("%s on %s: %q in %q", e.Code, a.On(), m, line)
				}
				old, is10 := a.Since == "2000" || a.Since == "xp" || a.Since == "2003", a.Until == "win10" || a.Until == "win11"
				for word, bad := range map[string]bool{"binpath": old || is10, "delayed-auto": old, "sc privs": old || is10, "netsh": old, "proxycfg": !old} {
					if bad && strings.Contains(line, word) {
						t.Errorf("%s on %s: %q", e.Code, a.On(), line)
					}
				}
			}
		}
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Code // 0 for an error
	}{
		{"0x80200013", 0x80200013}, {"80200013", 0x80200013}, {"0X80d05011", 0x80D05011},
		{"[80072ee7]", 0x80072EE7}, {"(0x80244022).", 0x80244022}, {" 8024402C ", 0x8024402C}, // as logs and letters have them
		{"-2145386477", 0x80200013}, // as Reporting Events print it
		{"2149580819", 0x80200013},
		{"-1", 0xFFFFFFFF}, {"-2147483648", 0x80000000}, {"4294967295", 0xFFFFFFFF}, {"2147483648", 0x80000000},
		{"0x8020001", 0}, {"", 0}, {"range", 0}, {"2147483647", 0}, {"0x802000134", 0}, {"-2147483649", 0}, {"4294967296", 0},
		{"12029", 0}, {"503", 0}, {"0x", 0}, {"0x0x80200013", 0}, {"8020_013", 0}, {"+80200013", 0}, {"802 00013", 0},
	} {
		got, err := Parse(tt.in)
		if got != tt.want || (err == nil) != (tt.want != 0) {
			t.Errorf("Parse(%q) = %v, %v; want %v", tt.in, got, err, tt.want)
		}
	}
}

// FuzzParse holds Parse to this: what it takes for a code is written so that it is
// read as the same code, in each of the forms.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"0x80200013", "80200013", "-2145386477", "2149580819", "[80072EE7]", "0x", "-", "\"", "12029"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text)
		if err != nil {
			if c != 0 {
				t.Errorf("Parse(%q) = %s and %v", text, c, err)
			}
			return
		}
		forms := []string{c.String(), strings.ToLower(c.String())[2:]}
		if c.Failure() {
			forms = append(forms, strconv.FormatInt(int64(int32(c)), 10), strconv.FormatUint(uint64(c), 10))
		}
		for _, form := range forms {
			if again, err := Parse(form); err != nil || again != c {
				t.Errorf("Parse(%q) = %s, and Parse(%q) = %s, %v", text, c, form, again, err)
			}
		}
		readings := Readings(text)
		if !slices.ContainsFunc(readings, func(r Reading) bool { return r.Code == c }) {
			t.Errorf("Parse(%q) = %s, which is none of its readings %v", text, c, readings)
		}
	})
}

// The statuses of wire.md 8.1.
func TestStatuses(t *testing.T) {
	for _, tt := range []struct {
		status          int
		agent, download Code
	}{
		{400, 0x80244016, 0x80190190}, {403, 0x80244018, 0x80190193}, {404, 0x80244019, 0x80190194},
		{407, 0x8024401B, 0x80190197}, {410, 0x8024401E, 0x8019019A}, {413, 0x8024402B, 0x8019019D},
		{416, 0x8024402B, 0x801901A0}, {500, 0x8024401F, 0x801901F4}, {501, 0x80244020, 0x801901F5},
		{503, 0x80244022, 0x801901F7}, {504, 0x80244023, 0x801901F8}, {505, 0x80244024, 0x801901F9},
	} {
		if a, d := AgentStatus(tt.status), DownloadStatus(tt.status); a != tt.agent || d != tt.download {
			t.Errorf("status %d is %v and %v, want %v and %v", tt.status, a, d, tt.agent, tt.download)
		}
	}
}

// The table of http_map.md 6.
func TestLinuxStatus(t *testing.T) {
	for status, want := range map[int]Code{206: 0, 300: 0x801901F4, 302: 0x80190003, 305: 0x801901F6, 307: 0x80190001,
		400: 0x80190190, 403: 0x80190193, 405: 0x80190190, 407: 0x80190197, 410: 0x80190194, 413: 0x8019019D, 416: 0x80190001,
		500: 0x801901F4, 502: 0x801901F6, 503: 0x801901F4, 504: 0x801901F6, 505: 0x801901F5, 511: 0x80190001} {
		if got := LinuxStatus(status); got != want {
			t.Errorf("status %d is %s, want %s", status, got, want)
		}
	}
}
