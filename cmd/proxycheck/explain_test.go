package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"proxycheck/probe"
	"proxycheck/probe/wuerr"
)

// What administrators have in hand, and what they are told of it.
func TestExplain(t *testing.T) {
	const ranges = "0x80200013 (code): BG_E_INSUFFICIENT_RANGE_SUPPORT"
	for _, tt := range []struct {
		args string
		want []string // in this order
	}{
		{"0x80200013", []string{ranges, "findings that carry it", "range-ignored: ", "logged by bits (documented)", "range-removed",
			"what to do", "where Windows shows it", "event 61", "KB3175743", "easily taken for 0x80D02013", "KB10132, on Windows 2000 to Windows 11"}},
		{"-2145386477", []string{"== -2145386477 as a signed decimal number: 0x80200013", ranges}},
		{"-- -2145386477", []string{ranges}},
		{"--format text -2145386477", []string{ranges}},
		{"-2145386477 --format text", []string{ranges}},
		{"2149580819", []string{"as a decimal number: 0x80200013", ranges}},
		{"80200013", []string{ranges}},
		{"0X80d05011", []string{"0x80D05011 (code)", "logged by do ("}},
		{"80244022", []string{"0x80244022 (code)", "logged by wua soap (documented)", "WindowsUpdate.log", "0x801901F7", "not configured"}},
		{"WU_E_PT_HTTP_STATUS_DENIED", []string{"0x80244017 (code)"}},
		{"wininet_e_cannot_connect", []string{"0x80072EFD (code)", "also called", "WININET_E_CANNOT_CONNECT"}},
		{"12029", []string{"== 12029 as an error of WinHTTP: 0x80072EFD", "WinHTTP error 12029", "proxy-refuses"}},
		{"1058", []string{"== 1058 as an error of Windows: 0x80070422", "ERROR_SERVICE_DISABLED", "sc config bits start="}},
		{"503", []string{"== 503 as an HTTP status, as the update agent logs it: 0x80244022", "server-unavailable",
			"== 503 as an HTTP status, as BITS and Delivery Optimization log it: 0x801901F7", "logged by", "bits job",
			"== 503 as an HTTP status, as Delivery Optimization on Linux logs it: 0x801901F4", "proxycheck explain 0x801901F4"}},
		{"407", []string{"0x8024401B", "login-wanted", "0x80190197"}},
		{"450", []string{"0x8024402B", "0x801901C2 (code): no table has it", "HTTP status 450"}},
		{"WU_E_REDIRECTOR_UNEXPECTED", []string{"== 0x802450FF, the code", "== 0x80245FFF, the code"}},
		{"tls-inspected", []string{"== tls-inspected, the finding", "who must act", "== tls-inspected, the fault", "must show"}},
		{"TLS-Inspected", []string{"the finding"}},
		{"bits-range-deep@warm", []string{"bits-range-deep (step)", "Range: bytes="}},
		{"isa-2004", []string{"isa-2004 (product): ", "must show"}},
		{"squid", []string{"squid (program): Squid", "recognised by", "X-Squid-Error", "range-ignored"}},
		{"0x80240438", []string{"where no proxy is set"}},
		{"0x80D02013", []string{"easily taken for 0x80200013 BG_E_INSUFFICIENT_RANGE_SUPPORT", "no range fault"}},
		{"0x8024500B", []string{"easily taken for 0x80245003 WU_E_REDIRECTOR_ID_SMALLER"}},
		{"0x8019019C", []string{"no document says so"}}, // an inferred cause

		// Outside every table.
		{"0x80200113", []string{"0x80200113 (code): no table has it", "failure; facility 32 BACKGROUNDCOPY", "number 0x0113", "codes that look like it", "0x80200013"}},
		{"0x80070999", []string{"facility 7 WIN32", "Win32 error 2457"}},
		{"12099", []string{"as an error of WinHTTP: 0x80072F43", "WinHTTP error 12099"}},
		{"0x801901D0", []string{"facility 25 HTTP", "HTTP status 464"}},
		{"0xC0D00007", []string{"facility 208 DELIVERY_OPTIMIZATION", "error 7 of curl"}},
		{"0xA0240001", []string{"not made by Microsoft", "facility 36 WINDOWSUPDATE"}},
		{"0x00240001", []string{"success, and no failure"}},
		{"0x804D0010", []string{"facility 77", "0x803D00nn", "0x803D0010 WS_E_ENDPOINT_UNREACHABLE"}},
	} {
		stdout, stderr, exit := run(t, append([]string{"explain"}, strings.Fields(tt.args)...)...)
		if exit != 0 || stderr != "" {
			t.Errorf("explain %s: exit %d, %s", tt.args, exit, stderr)
			continue
		}
		rest := stdout
		for _, want := range tt.want {
			_, after, found := strings.Cut(rest, want)
			if !found {
				t.Errorf("explain %s: no %q in its place in\n%s", tt.args, want, stdout)
				break
			}
			rest = after
		}
	}
}

// Nonsense is one line, which names what is near.
func TestExplainNonsense(t *testing.T) {
	for args, want := range map[string]string{
		"0x8020013":                     `nothing is called "0x8020013"; near it are 0x80200013 BG_E_INSUFFICIENT_RANGE_SUPPORT`,
		"WU_E_PT_HTTP_STATUS_DENEID":    "near it are 0x80244017 WU_E_PT_HTTP_STATUS_DENIED",
		"range-ignorde":                 "near it are range-ignored",
		"squit":                         "near it are squid",
		"0x12345678":                    "nothing is known of the code 0x12345678, nor of its facility 564",
		"-1":                            "nothing is known of the code 0xFFFFFFFF",
		"1234":                          `nothing is called "1234"`,
		"-99999999999":                  `nothing is called "-99999999999"`,
		"0":                             `nothing is called "0"`,
		"\x1b[2J":                       `nothing is called "\x1b[2J"`,
		"0x80200013 0x80200011":         "one argument too many",
		"0x80200013 --format xml":       "want text or json",
		"":                              "explain what?",
		strings.Repeat("8", 100_000):    "nothing is called",
		strings.Repeat("A_", 100_000):   "nothing is called",
		strings.Repeat("-", 3) + "what": "bad flag syntax",
	} {
		stdout, stderr, exit := run(t, append([]string{"explain"}, strings.Fields(args)...)...)
		if exit != 2 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, want) {
			t.Errorf("explain %.40q: exit %d, stdout %q, stderr %.200q; want %q", args, exit, stdout, stderr, want)
		}
	}
}

// As JSON it is as the schema says, and nothing in it is empty.
func TestExplainJSON(t *testing.T) {
	schema := schema(t)
	for args, want := range map[string][]string{
		"0x80200013": {"code hexadecimal 0x80200013"}, "-2145386477": {"code a signed decimal number 0x80200013"},
		"503": {"code an HTTP status, as the update agent logs it 0x80244022", "code an HTTP status, as BITS and Delivery Optimization log it 0x801901F7",
			"code an HTTP status, as Delivery Optimization on Linux logs it 0x801901F4"},
		"tls-inspected": {"finding  tls-inspected", "fault  tls-inspected"}, "squid": {"program  squid"}, "bits-range-deep": {"step  bits-range-deep"},
		"0x80200113": {"code hexadecimal 0x80200113"},
	} {
		stdout, stderr, exit := run(t, "explain", args, "--format", "json")
		validate(t, schema, stdout)
		var got struct{ Explained []explanation }
		if err := json.Unmarshal([]byte(stdout), &got); err != nil || exit != 0 || stderr != "" {
			t.Fatalf("explain %s: exit %d, %v, %s", args, exit, err, stderr)
		}
		var names []string
		for _, e := range got.Explained {
			names = append(names, e.Kind+" "+e.ReadAs+" "+e.Name)
			for _, d := range e.Details {
				if d.Name == "" || d.Value == "" {
					t.Errorf("explain %s: %s has the detail %+v", args, e.Name, d)
				}
			}
		}
		if !slices.Equal(names, want) {
			t.Errorf("explain %s is of %q, want %q", args, names, want)
		}
	}
}

// Every code is explained, and by words that are there.
func TestExplainAll(t *testing.T) {
	for _, e := range wuerr.All() {
		readings := wuerr.Readings(e.Code.String())
		if len(readings) != 1 {
			t.Fatalf("%s is read as %+v", e.Code, readings)
		}
		r := readingRow(readings[0])
		for _, heading := range []string{headings.madeBy, headings.bits, headings.phase, headings.carriers, headings.shownIn, headings.source} {
			if !slices.ContainsFunc(r.Details, func(d detail) bool { return d.Name == heading && d.Value != "" }) {
				t.Errorf("of %s it is not said: %s", e.Code, heading)
			}
		}
		for _, r := range wuerr.Readings(e.Symbol) {
			if readAs[r.Form] == "" {
				t.Errorf("%s has no words for the form %q", e.Symbol, r.Form)
			}
		}
	}
}

// seedCodes are those that facts/seeds.md names, by who logs them on the network,
// and those of KB885819. One that nobody logs there is a client's own: its setting or
// its services.
var seedCodes = map[wuerr.Code][]probe.Agent{
	0x80072EFE: {probe.WUA, probe.BITS, probe.DO}, 0x80072EFD: {probe.WUA, probe.BITS, probe.DO}, 0x80072EE2: {probe.WUA, probe.BITS, probe.DO},
	0x80072EE7: {probe.BITS, probe.DO}, 0x8024402C: {probe.WUA}, 0x8024502D: {probe.WUA}, 0x80240438: {probe.WUA},
	0x80244022: {probe.WUA}, 0x801901F7: {probe.WUA, probe.BITS, probe.DO},
	0x80200013: {probe.BITS}, 0x80200011: {probe.BITS}, 0x80190193: {probe.BITS, probe.DO}, 0x80072F78: {probe.WUA, probe.BITS, probe.DO},
	0x80244021: {probe.WUA}, 0x80244019: {probe.WUA}, 0x80244018: {probe.WUA},

	0x80240030: nil, 0x8024002E: nil, 0x80070057: nil, 0x80070424: nil, 0x8007043B: nil, 0x80070422: nil, 0x80070433: nil, 0x8007042C: nil,
	0x80070003: nil, 0x80070002: nil, 0x80040154: nil, 0x80040206: nil, 0x800704DD: nil,
}

// Every code of the founding documents is carried, for each agent that logs it, by
// a finding that some fault shows; or, where it is the client's own, there is advice
// for it on each version of Windows.
func TestSeedCodes(t *testing.T) {
	for code, agents := range seedCodes {
		for _, agent := range agents {
			shown := slices.ContainsFunc(probe.Findings, func(f *probe.Finding) bool {
				return len(shownBy(f)) > 0 && slices.ContainsFunc(f.LoggedAs(code), func(c probe.Coded) bool { return c.Agent == agent })
			})
			if !shown {
				t.Errorf("no finding that a fault shows is logged as %s by %s", code, agent)
			}
		}
		e, known := wuerr.Lookup(code)
		if !known || agents == nil && len(e.Advice) == 0 {
			t.Errorf("%s is neither carried by a finding nor explained", code)
		}
	}
}

// For a setting that is wrong one reads what to type, on each Windows.
func TestExplainSettings(t *testing.T) {
	for _, tt := range []struct{ code, windows, command string }{
		{"0x80240030", "Windows XP to Windows Server 2003", `proxycfg -p PROXY:PORT "<local>"`},
		{"0x80240030", "Windows Vista to Windows 11", `netsh winhttp set proxy proxy-server="PROXY:PORT" bypass-list="<local>"`},
		{"0x80240030", "Windows Vista to Windows 11", "net start wuauserv"},
		{"0x80072EFD", "Windows XP to Windows Server 2003", "proxycfg -d"},
		{"0x8024402C", "Windows Vista to Windows 11", "netsh winhttp import proxy source=ie"},
		{"0x8024502D", "Windows XP to Windows Server 2003", "proxycfg -u"},
		{"0x80070057", "Windows XP to Windows 8.1", "bitsadmin /util /setieproxy LOCALSYSTEM"},
		{"0x80070057", "Windows 10 to Windows 11", "netsh winhttp show proxy"},
		{"0x8024002E", "Windows XP to Windows 11", `reg query HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate /s`},
		{"0x80244022", "Windows XP to Windows 11", "Specify intranet Microsoft update service location"},
	} {
		stdout, _, _ := run(t, "explain", tt.code)
		_, section, found := strings.Cut(stdout, "\na setting of the client, on "+tt.windows+"\n")
		section, _, _ = strings.Cut(section, "\n\n")
		if !found || !strings.Contains(section, tt.command) {
			t.Errorf("explain %s says for %s\n%s\nwithout %q", tt.code, tt.windows, section, tt.command)
		}
	}
}

// What is said of the codes of KB10132 is what testdata/kb10132.txt has of it, which
// was written from the document.
func TestKB10132(t *testing.T) {
	text, err := os.ReadFile("../../testdata/kb10132.txt")
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(strings.TrimSpace(string(text)), "\n\n")[1:]
	if len(sections) != 16 {
		t.Fatalf("kb10132.txt has %d codes, want 16", len(sections))
	}
	said := regexp.MustCompile(`(?m)^KB10132, on .*\n(?:  .*\n?)+`)
	for _, section := range sections {
		code, want, _ := strings.Cut(section, "\n")
		stdout, _, _ := run(t, "explain", code)
		got := strings.TrimSpace(strings.Join(said.FindAllString(stdout, -1), ""))
		if got != want {
			t.Errorf("explain %s says\n%s\nand the document\n%s", code, got, want)
		}
	}
}
