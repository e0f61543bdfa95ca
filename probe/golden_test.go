package probe_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"proxycheck/probe"
)

// The file of the golden requests: their ranges follow from its size, and their
// conditions are the date that the server gives it, which is that of wire.md 1.3.
const (
	goldenSize = 2_200_001
	goldenDate = "Wed, 25 Nov 2020 16:46:48 GMT"
)

// goldenDir holds a file for each request of each profile, typed from wire.md
// and not from what this package sends. A file is a comment with the section
// that it is from, and the request with LF for CRLF and without the body's end.
const goldenDir = "../testdata/requests"

// What changes from run to run stands as a name in a golden request.
var placeholders = map[string]string{
	"<stamp>":  `[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])[0-5][0-9]`, // wire.md 2.2
	"<object>": `/Content/[0-9A-F]{2}/[0-9A-F]{40}\.cab`,                                            // wire.md 3.5
	"<cv16>":   `[A-Za-z0-9+/]{16}`,                                                                 // wire.md 3.1
	"<cv22>":   `[A-Za-z0-9+/]{22}`,                                                                 // wire.md 4.1
}

// What leaves for a proxy is, byte for byte, what the real client sends.
func TestGoldenRequests(t *testing.T) {
	used := map[string]bool{}
	for _, windows := range []string{"win11", "win10", "win7", "vista", "xp"} {
		t.Run(windows, func(t *testing.T) {
			proxy := record(t, answer)
			run := client(t, windows, proxy.addr).Run(t.Context())
			objects := map[string]string{}
			for _, r := range run.Results {
				o := r.Observation
				if o == nil {
					t.Errorf("%s was not sent: %s", r.Step.Name, r.WaitedFor)
					continue
				}
				name := filepath.Join(windows, r.Step.Name+".txt")
				used[name] = true
				sent := proxy.take(o.Local)
				compare(t, name, golden(t, name), sent)
				if object := regexp.MustCompile(placeholders["<object>"]).FindString(sent); object != "" {
					if before := objects[r.Step.On]; before != "" && before != object {
						t.Errorf("%s asks for %s, the step before it on the same connection for %s", name, object, before)
					}
					objects[r.Step.On] = object
				}
				if o.Port443 != nil { // the client's own question, why the tunnel was denied
					compare(t, name+" with port 443", strings.ReplaceAll(golden(t, name), "8531", "443"), proxy.take(o.Port443.Local))
				}
			}
			for _, sent := range proxy.rest() {
				t.Errorf("a request left that no step accounts for:\n%q", sent)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join(goldenDir, "*", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden requests in %s: %v", goldenDir, err)
	}
	for _, file := range files {
		if name, _ := filepath.Rel(goldenDir, file); !used[name] {
			t.Errorf("%s is the request of no step", file)
		}
	}
}

// The body of GetConfig has the length that was captured, and each golden
// request states the length of its own.
func TestGoldenLengths(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(goldenDir, "*", "*"))
	stated := regexp.MustCompile("\r\nContent-Length: ([0-9]+)\r\n")
	for _, file := range files {
		name, _ := filepath.Rel(goldenDir, file)
		head, body, _ := strings.Cut(golden(t, name), "\r\n\r\n")
		length := 0
		if m := stated.FindStringSubmatch(head + "\r\n"); m != nil {
			length, _ = strconv.Atoi(m[1])
		}
		if length != len(body) {
			t.Errorf("%s states %d bytes and has %d", file, length, len(body))
		}
		if name == filepath.Join("win11", "wua-config.txt") && len(body) != 234 {
			t.Errorf("GetConfig of Windows 11 has %d bytes, want the 234 of wire.md 3.1", len(body))
		}
	}
}

// Without a proxy the same requests leave in origin form, with Connection.
func TestDirectRequests(t *testing.T) {
	server := record(t, answer)
	c := client(t, "win11", "")
	c.Target.Host, c.Target.Content = server.addr, server.addr
	c.Steps = stepsOf(t, c, "wua-config", "bits-size")
	run := c.Run(t.Context())
	for i, want := range []string{
		// wire.md 3.1, 3.5
		"POST /ClientWebService/client.asmx HTTP/1.1\r\nCache-Control: no-cache\r\nConnection: Keep-Alive\r\nPragma: no-cache\r\n" +
			"Content-Type: text/xml; charset=utf-8\r\nAccept-Encoding: xpress\r\n" +
			"User-Agent: Windows-Update-Agent/1507.2601.30012.0 Client-Protocol/2.90\r\n" +
			`SOAPAction: "http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService/GetConfig"` + "\r\n" +
			"MS-CV: <cv16>.1.0.0.2.1\r\nContent-Length: 234\r\nHost: " + server.addr + "\r\n\r\n" +
			`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
			`<GetConfig xmlns="http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService">` +
			`<protocolVersion>2.90</protocolVersion></GetConfig></s:Body></s:Envelope>`,
		// wire.md 1.2
		"HEAD <object> HTTP/1.1\r\nConnection: Keep-Alive\r\nAccept: */*\r\nAccept-Encoding: identity\r\n" +
			"User-Agent: Microsoft BITS/7.8\r\nHost: " + server.addr + "\r\n\r\n",
	} {
		r := run.Results[i]
		compare(t, r.Step.Name+" without a proxy", want, server.take(r.Observation.Local))
	}
}

// If-Unmodified-Since is what HEAD gave as Last-Modified, character for
// character; and when HEAD gave none, the field is not sent at all.
func TestConditionCopiesDate(t *testing.T) {
	for _, date := range []string{"", "Wednesday, 25-Nov-20 16:46:48 GMT", "Wed,  25 Nov 2020 16:46:48 +0000"} {
		given, want := "", ""
		if date != "" {
			given, want = "Last-Modified: "+date+"\r\n", "If-Unmodified-Since: "+date+"\r\n"
		}
		proxy := record(t, func(request string) string {
			return strings.Replace(answer(request), "Last-Modified: "+goldenDate+"\r\n", given, 1)
		})
		c := client(t, "win11", proxy.addr)
		c.Steps = stepsOf(t, c, "bits-size", "bits-range-first", "bits-range-deep", "bits-range-last")
		results := c.Run(t.Context()).Results
		proxy.take(results[0].Observation.Local)
		for _, r := range results[1:] {
			name := filepath.Join("win11", r.Step.Name+".txt")
			request := strings.Replace(golden(t, name), "If-Unmodified-Since: "+goldenDate+"\r\n", want, 1)
			compare(t, fmt.Sprintf("%s after Last-Modified %q", r.Step.Name, date), request, proxy.take(r.Observation.Local))
		}
	}
}

// A login that the proxy has refused is not tried again and again: a domain
// locks an account after a few wrong passwords.
func TestRefusedLoginIsNotRepeated(t *testing.T) {
	const refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"proxy\"\r\nContent-Length: 0\r\n\r\n"
	for _, steps := range [][]string{{"bits-size", "bits-file"}, {"tls-config"}} {
		proxy := record(t, func(string) string { return refusal })
		c := client(t, "win11", proxy.addr)
		c.Login = &probe.Login{User: "DOMAIN\\user", Password: "wrong"}
		c.Steps = stepsOf(t, c, steps...)
		c.Run(t.Context())
		logins := 0
		for _, sent := range proxy.rest() {
			logins += strings.Count(sent, "\r\nProxy-Authorization: ")
		}
		if logins != 1 {
			t.Errorf("%v: a login that is refused each time was sent %d times, want once", steps, logins)
		}
	}
}

// client is a client of that Windows in the simulated net, as package sim sets
// it up.
func client(t *testing.T, windows, proxy string) *probe.Client {
	t.Helper()
	profile, err := probe.LookupProfile(windows)
	if err != nil {
		t.Fatal(err)
	}
	target := probe.Target{Kind: probe.Embedded, Host: "wsus.test:8530", Content: "wsus.test:8530", Secure: "wsus.test:8531", Size: goldenSize}
	return &probe.Client{Proxy: proxy, Timeout: 5 * time.Second, Profile: profile, Target: target, Steps: probe.StepsOf(profile, &target)}
}

// stepsOf are the steps of c with these names.
func stepsOf(t *testing.T, c *probe.Client, names ...string) []*probe.Step {
	t.Helper()
	var some []*probe.Step
	for _, name := range names {
		i := slices.IndexFunc(c.Steps, func(s *probe.Step) bool { return s.Name == name })
		if i < 0 {
			t.Fatalf("%s has no step called %s", c.Profile.Windows, name)
		}
		some = append(some, c.Steps[i])
	}
	return some
}

// golden is a golden request, with the line ends of the wire.
func golden(t *testing.T, name string) string {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(goldenDir, name))
	if err != nil {
		t.Errorf("a request without a golden one: %v", err)
		return ""
	}
	text := strings.ReplaceAll(string(file), "\r\n", "\n") // as Git may check it out on Windows
	comment, request, _ := strings.Cut(text, "\n")
	if !strings.HasPrefix(comment, "# wire.md ") {
		t.Errorf("%s does not begin with the section of wire.md that it is from: %q", name, comment)
	}
	head, body, _ := strings.Cut(request, "\n\n")
	return strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + strings.TrimSuffix(body, "\n")
}

// compare holds what was sent against what is wanted, and names the first line
// that differs.
func compare(t *testing.T, name, want, sent string) {
	t.Helper()
	wanted, lines := strings.Split(want, "\r\n"), strings.Split(sent, "\r\n")
	for i := range max(len(wanted), len(lines)) {
		switch {
		case i >= len(lines):
			t.Errorf("%s: line %d is missing, want %q\n%s", name, i+1, wanted[i], sent)
		case i >= len(wanted):
			t.Errorf("%s: line %d is %q, want none\n%s", name, i+1, lines[i], sent)
		case !pattern(wanted[i]).MatchString(lines[i]):
			t.Errorf("%s: line %d is %q, want %q\n%s", name, i+1, lines[i], wanted[i], sent)
		default:
			continue
		}
		return
	}
}

// pattern matches a line of a golden request: all but its placeholders literally.
func pattern(line string) *regexp.Regexp {
	line = regexp.QuoteMeta(line)
	for placeholder, values := range placeholders {
		line = strings.ReplaceAll(line, placeholder, values)
	}
	return regexp.MustCompile(`\A` + line + `\z`)
}
