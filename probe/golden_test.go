package probe_test

import (
	"encoding/xml"
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
// Its tag is that of wire.md 5.5.
const (
	goldenSize = 2_200_001
	goldenDate = "Wed, 25 Nov 2020 16:46:48 GMT"
	goldenTag  = `"0ebbae1d7ead61:0"`
)

// goldenDir holds a file for each request of each profile, typed from wire.md
// and not from what this package sends. A file is a comment with the section
// that it is from, and the request with LF for CRLF and without the body's end.
// What is asked inside a tunnel stands behind the CONNECT and a line of two
// hyphens. "shape" in the comment says that wire.md tells the elements of a body
// and not its bytes; the number behind it is about how many there are. Elements
// that it marks with a question mark have the attribute optional.
const goldenDir = "../testdata/requests"

// goldenWindows are the profiles of the golden requests.
var goldenWindows = []string{"win11", "win10", "win8.1", "win7", "vista", "xp"}

// What changes from run to run stands as a name in a golden request.
var placeholders = map[string]string{
	"<stamp>":     `[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])[0-5][0-9]`, // wire.md 2.2
	"<object>":    contentName + `\.[a-z]{1,5}`,                                                        // wire.md 3.5
	"<cv16>":      `[A-Za-z0-9+/]{16}`,                                                                 // wire.md 3.1
	"<cv22>":      `[A-Za-z0-9+/]{22}`,                                                                 // wire.md 4.1
	"<guid>":      guidName,
	"<stream>":    `/filestreamingservice/files/` + guidName + `\?P1=[0-9]{10}&P2=404&P3=2&P4=(?:[A-Za-z0-9]|%2b|%2f|%3d)+`, // wire.md 4.1, 4.3
	"<hashes>":    `/filestreamingservice//files/` + guidName + `/pieceshash`,                                               // wire.md 4.2
	"<ocsp>":      `/MFEwTzBN(?:[A-Za-z0-9]|%2[BF]){103}%3D`,                                                                // wire.md 5.5: 83 bytes of base64
	"<hex16>":     `[0-9a-f]{16}`,                                                                                           // wire.md 5.5
	"<20 ranges>": `[0-9]+-[0-9]+(?:,[0-9]+-[0-9]+){19}`,                                                                    // wire.md 1.6
	"<utc>":       `[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](?:\.[0-9]{1,7})?Z`,
	"<length>":    `[0-9]+`,
	"<number>":    `[0-9]+`,
	"<text>":      `[^<]*`,
}

const (
	contentName = `/Content/[0-9A-F]{2}/[0-9A-F]{40}`
	guidName    = `[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`
)

func init() {
	for _, ext := range []string{"exe", "msu", "esd", "psf", "appx"} {
		placeholders["<object."+ext+">"] = contentName + `\.` + ext
	}
}

// A goldenRequest is the content of a golden file, with the line ends of the wire.
type goldenRequest struct {
	tunnel string // the CONNECT; "" when there is none
	head   string // with the empty line
	body   string
	shape  bool // the body is one of the elements that are asked for, not of their bytes
	size   int  // about that of the body when it is a shape; 0 when it is not known
}

// What leaves for a proxy is, byte for byte, what the real client sends.
func TestGoldenRequests(t *testing.T) {
	used := map[string]bool{}
	for _, windows := range goldenWindows {
		t.Run(windows, func(t *testing.T) {
			proxy := record(t, answer)
			run := client(t, windows, proxy.addr).Run(t.Context())
			objects := map[string]string{}
			for i, r := range run.Results {
				if r.Observation == nil {
					t.Errorf("%s was not sent: %s", r.Step.ID(), r.WaitedFor)
					continue
				}
				name := filepath.Join(windows, r.Step.Name+".txt")
				used[name] = true
				want := golden(t, name).of(r.Step, run.Results[:i])
				sent := taken(t, name, want, proxy, r.Observation)
				want.compare(t, name+" as "+r.Step.ID(), sent)
				oneFile(t, objects, r.Step, sent)
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

// taken is the request of o, behind the CONNECT when o is the first in a tunnel.
func taken(t *testing.T, name string, want goldenRequest, proxy *recorder, o *probe.Observation) string {
	t.Helper()
	first := proxy.take(o.Local)
	if !strings.HasPrefix(first, "CONNECT ") {
		if want.tunnel != "" && !o.Reused {
			t.Errorf("%s left without a tunnel:\n%s", name, first)
		}
		return first
	}
	compare(t, name+" (the tunnel)", want.tunnel, first)
	return proxy.take(o.Local)
}

// named finds the file that a request is for: one of WSUS or one of the streams.
var named = regexp.MustCompile(contentName + `\.[a-z]+|/files/` + guidName)

// oneFile holds that the steps on one connection ask for one file of each type,
// and the repetitions of a step for the file of the step.
func oneFile(t *testing.T, objects map[string]string, step *probe.Step, sent string) {
	t.Helper()
	object := named.FindString(sent)
	if object == "" {
		return
	}
	place := strings.TrimSuffix(step.On, "-second") + filepath.Ext(object)
	if before := objects[place]; before != "" && before != object {
		t.Errorf("%s asks for %s, a step before it on the same connection for %s", step.ID(), object, before)
	}
	objects[place] = object
}

// maxRepeated is the most of a part that a repetition asks for, in bytes.
const maxRepeated = 64 << 10

var (
	rangeField = regexp.MustCompile(`(?m)^Range: bytes=([0-9]+)-([0-9]+)\r$`)
	callNumber = regexp.MustCompile(`(?m)^(MS-CV: .*\.)([0-9]+)\r$`)
)

// of is what step asks for, given the results before: a repetition asks for less
// of a part, and those of before go on counting.
func (g goldenRequest) of(step *probe.Step, before []*probe.Result) goldenRequest {
	if step.Variant != "" {
		g.head = callNumber.ReplaceAllString(g.head, "$1<number>\r")
		g.head = rangeField.ReplaceAllStringFunc(g.head, func(field string) string {
			m := rangeField.FindStringSubmatch(field)
			from, _ := strconv.ParseInt(m[1], 10, 64)
			to, _ := strconv.ParseInt(m[2], 10, 64)
			return fmt.Sprintf("Range: bytes=%d-%d\r", from, min(to, from+maxRepeated-1))
		})
		return g
	}
	repeated := 0
	for _, r := range before {
		if r.Step.On == step.On && r.Step.Variant != "" {
			repeated++
		}
	}
	g.head = callNumber.ReplaceAllStringFunc(g.head, func(field string) string {
		m := callNumber.FindStringSubmatch(field)
		n, _ := strconv.Atoi(m[2])
		return fmt.Sprintf("%s%d\r", m[1], n+repeated)
	})
	return g
}

// compare holds a request that was sent against g.
func (g goldenRequest) compare(t *testing.T, name, sent string) {
	t.Helper()
	head, body, _ := strings.Cut(sent, "\r\n\r\n")
	if !g.shape {
		compare(t, name, g.head+g.body, sent)
		return
	}
	compare(t, name, g.head, head+"\r\n\r\n")
	if difference := unlike(g.body, body); difference != "" {
		t.Errorf("%s: %s\n%s", name, difference, body[:min(len(body), 6000)])
	}
	if n := len(body); g.size > 0 && (n < g.size*8/10 || n > g.size*12/10) {
		t.Errorf("%s has a body of %d bytes, want about %d", name, n, g.size)
	}
}

// An element is one of a body, without what it says of name spaces.
type element struct {
	XMLName    xml.Name
	Attributes []xml.Attr `xml:",any,attr"`
	Text       string     `xml:",chardata"`
	Children   []element  `xml:",any"`
}

// unlike says where the elements of a body are not those of a golden one, or "".
func unlike(golden, sent string) string {
	for placeholder := range placeholders { // they are no elements
		golden = strings.ReplaceAll(golden, placeholder, "&lt;"+placeholder[1:len(placeholder)-1]+"&gt;")
	}
	var want, got element
	if err := xml.Unmarshal([]byte(golden), &want); err != nil {
		return "the golden body is not XML: " + err.Error()
	}
	if err := xml.Unmarshal([]byte(sent), &got); err != nil {
		return "the body is not XML: " + err.Error()
	}
	return want.unlike(&got, want.XMLName.Local)
}

// unlike compares what was sent with e. One element of a name stands for any
// number of them in a row, and an element without content for one with any text.
func (e *element) unlike(sent *element, path string) string {
	switch text := strings.TrimSpace(e.Text); {
	case e.XMLName != sent.XMLName:
		return fmt.Sprintf("%s is %v, want %v", path, sent.XMLName, e.XMLName)
	case len(e.Children) == 0 && len(sent.Children) > 0:
		return fmt.Sprintf("%s has the child %s, want none", path, sent.Children[0].XMLName.Local)
	case text != "" && !pattern(text).MatchString(sent.Text):
		return fmt.Sprintf("%s is %q, want %q", path, sent.Text, text)
	}
	for _, a := range e.Attributes {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" && a.Name.Local != "optional" && !slices.Contains(sent.Attributes, a) {
			return fmt.Sprintf("%s lacks the attribute %s=%q", path, a.Name.Local, a.Value)
		}
	}
	return unlikeChildren(rows(e.Children), rows(sent.Children), path)
}

// unlikeChildren compares the children of an element, row by row.
func unlikeChildren(want, sent [][]element, path string) string {
	for _, row := range want {
		if len(sent) == 0 || sent[0][0].XMLName != row[0].XMLName {
			if row[0].optional() {
				continue
			}
			return fmt.Sprintf("%s lacks %v", path, row[0].XMLName)
		}
		if len(row) > 1 && len(row) != len(sent[0]) {
			return fmt.Sprintf("%s has %d of %s, want %d", path, len(sent[0]), row[0].XMLName.Local, len(row))
		}
		for i := range sent[0] {
			w := &row[min(i, len(row)-1)]
			if difference := w.unlike(&sent[0][i], path+"/"+w.XMLName.Local); difference != "" {
				return difference
			}
		}
		sent = sent[1:]
	}
	if len(sent) > 0 {
		return fmt.Sprintf("%s has %v, want none there", path, sent[0][0].XMLName)
	}
	return ""
}

// optional tells whether e may be left out.
func (e *element) optional() bool {
	return slices.ContainsFunc(e.Attributes, func(a xml.Attr) bool { return a.Name.Local == "optional" })
}

// rows groups elements of one name that follow each other.
func rows(elements []element) [][]element {
	var rows [][]element
	for i, e := range elements {
		if i == 0 || elements[i-1].XMLName != e.XMLName {
			rows = append(rows, nil)
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], e)
	}
	return rows
}

// What is told of a body that differs from its golden shape, and of one that does not.
func TestGoldenShape(t *testing.T) {
	const shape = `<a xmlns="urn:x"><b>1</b><c optional=""></c><d><utc></d><e><f></f></e></a>`
	for _, tt := range []struct{ body, want string }{
		{`<a xmlns="urn:x"><b>1</b><d>2026-01-02T03:04:05Z</d><e><f>1</f></e><e><f>2</f></e></a>`, ""},
		{`<y:a xmlns:y="urn:x"><y:b>1</y:b><y:c>x</y:c><y:d>2026-01-02T03:04:05.1234567Z</y:d><y:e><y:f/></y:e></y:a>`, ""},
		{`<a xmlns="urn:z"><b>1</b></a>`, "a is {urn:z a}, want {urn:x a}"},
		{`<a xmlns="urn:x"><b>2</b></a>`, `a/b is "2", want "1"`},
		{`<a xmlns="urn:x"><b>1</b><d>today</d></a>`, `a/d is "today", want "<utc>"`},
		{`<a xmlns="urn:x"><b>1</b><e><f/></e></a>`, "a lacks {urn:x d}"},
		{`<a xmlns="urn:x"><b>1</b><d>2026-01-02T03:04:05Z</d><e><f/></e><g/></a>`, "a has {urn:x g}, want none there"},
		{`<a xmlns="urn:x"><b>1</b><d>2026-01-02T03:04:05Z</d><e><f/></e><e/></a>`, "a/e lacks {urn:x f}"},
		{`<a xmlns="urn:x"><b><h/>1</b></a>`, "a/b has the child h, want none"},
		{`<a xmlns="urn:x">`, "the body is not XML: XML syntax error on line 1: unexpected EOF"},
	} {
		if got := unlike(shape, tt.body); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.body, got, tt.want)
		}
	}
}

// Where wire.md quotes a capture, the golden request is that one but for what is
// named: the server, the file and its parts, what is random, and the form that
// a request has towards a proxy.
func TestGoldenCaptures(t *testing.T) {
	const viaProxy = "\nProxy-Connection: "
	for _, tt := range []struct {
		name, section, capture string
		other                  []string // what is in the capture, and what is in its place
	}{
		{"win11/wua-config", "3.1", `POST /ClientWebService/client.asmx HTTP/1.1
Cache-Control: no-cache
Connection: Keep-Alive
Pragma: no-cache
Content-Type: text/xml; charset=utf-8
Accept-Encoding: xpress
User-Agent: Windows-Update-Agent/1507.2601.30012.0 Client-Protocol/2.90
SOAPAction: "http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService/GetConfig"
MS-CV: me4WAo5lqUCG/53V.1.0.0.2.1
Content-Length: 234
Host: wsus.example:8530
`, []string{"POST ", "POST http://wsus.test:8530", "\nConnection: ", viaProxy, "wsus.example", "wsus.test", "me4WAo5lqUCG/53V", "<cv16>"}},
		{"win11/bits-range-first", "1.3", `GET /path HTTP/1.1
Connection: Keep-Alive
Accept: */*
Accept-Encoding: identity
If-Unmodified-Since: Wed, 25 Nov 2020 16:46:48 GMT
Range: bytes=0-71744
User-Agent: Microsoft BITS/7.8
Host: 192.168.220.125
`, []string{"/path", "http://wsus.test:8530<object>", "\nConnection: ", viaProxy, "192.168.220.125", "wsus.test:8530", "0-71744", "0-5472"}},
		{"xp/bits-range-first", "1.5", `GET http://au.download.windowsupdate.com/c/msdownload/update/… HTTP/1.1
Accept: */*
Accept-Encoding: identity
Range: bytes=0-6361
User-Agent: Microsoft BITS/6.7
Host: au.download.windowsupdate.com
Proxy-Connection: Keep-Alive
`, []string{"http://au.download.windowsupdate.com/c/msdownload/update/…", "http://wsus.test:8530<object>",
			"au.download.windowsupdate.com", "wsus.test:8530", "0-6361", "0-5472"}},
		{"win10/do-piece", "4.1", `GET /filestreamingservice/files/<guid>?P1=<epoch>&P2=404&P3=2&P4=<base64, %-escaped> HTTP/1.1
Connection: Keep-Alive
Accept: */*
Range: bytes=49283072-50331647
User-Agent: Microsoft-Delivery-Optimization/10.0
MS-CV: SuJYFrYr8UKShCg4cONdLw.0.2.7.1.1.5
Content-Length: 0
Host: 2.tlu.dl.delivery.mp.microsoft.com
`, []string{"/filestreamingservice/files/<guid>?P1=<epoch>&P2=404&P3=2&P4=<base64, %-escaped>", "http://wsus.test:8530<object>",
			"\nConnection: ", viaProxy, "2.tlu.dl.delivery.mp.microsoft.com", "wsus.test:8530",
			"49283072-50331647", "1048576-2097151", "SuJYFrYr8UKShCg4cONdLw.0.2.7.1.1.5", "<cv22>.0.2.7.1.1.1"}},
		{"win7/ctl-roots", "5.5", `GET /msdownload/update/v3/static/trustedr/en/authrootstl.cab?fe1213d701860727 HTTP/1.1
Connection: Keep-Alive
Accept: */*
User-Agent: Microsoft-CryptoAPI/6.1
Host: ctldl.windowsupdate.com
`, []string{"GET ", "GET http://wsus.test:8530", "fe1213d701860727", "<hex16>", "\nConnection: ", viaProxy, "ctldl.windowsupdate.com", "wsus.test:8530"}},
		{"win10/ncsi-text", "5.6", `GET /connecttest.txt HTTP/1.1
Connection: Close
User-Agent: Microsoft NCSI
Host: www.msftconnecttest.com
`, []string{"GET ", "GET http://wsus.test:8530", "\nConnection: ", viaProxy, "www.msftconnecttest.com", "wsus.test:8530"}},
	} {
		capture := strings.NewReplacer(tt.other...).Replace(tt.capture)
		want := strings.ReplaceAll(capture, "\n", "\r\n") + "\r\n"
		if got := golden(t, tt.name+".txt").head; got != want {
			t.Errorf("%s is\n%s\nthe capture of wire.md %s is\n%s", tt.name, got, tt.section, want)
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
		g := golden(t, name)
		if g.shape {
			continue
		}
		length := 0
		if m := stated.FindStringSubmatch(g.head); m != nil {
			length, _ = strconv.Atoi(m[1])
		}
		if length != len(g.body) {
			t.Errorf("%s states %d bytes and has %d", file, length, len(g.body))
		}
		if name == filepath.Join("win11", "wua-config.txt") && len(g.body) != 234 {
			t.Errorf("GetConfig of Windows 11 has %d bytes, want the 234 of wire.md 3.1", len(g.body))
		}
	}
}

// The addresses of streams have each escape that proxies recode (wire.md 4.3),
// and 20 ranges ascend and make a head of about 600 bytes (wire.md 1.6).
func TestGoldenExtremes(t *testing.T) {
	proxy := record(t, answer)
	c := client(t, "win11", proxy.addr)
	c.Steps = stepsOf(t, c, "bits-size", "bits-multi-20", "do-probe-1")
	results := c.Run(t.Context()).Results
	proxy.take(results[0].Observation.Local)
	several := proxy.take(results[1].Observation.Local)
	if n := len(several); n < 500 || n > 700 {
		t.Errorf("20 ranges make a head of %d bytes, want about 600", n)
	}
	end := int64(-1)
	for _, p := range asked(several) {
		if p.from <= end || p.to < p.from || p.to >= goldenSize {
			t.Errorf("the range %d-%d does not ascend from byte %d within the file", p.from, p.to, end)
		}
		end = p.to
	}
	stream := proxy.take(results[2].Observation.Local)
	for _, escape := range []string{"%2b", "%2f", "%3d"} {
		if !strings.Contains(stream, escape) {
			t.Errorf("the address of a stream has no %s:\n%s", escape, stream)
		}
	}
}

// A tunnel that the proxy denies is asked for once more, to port 443.
func TestDeniedTunnel(t *testing.T) {
	proxy := record(t, func(string) string { return "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n" })
	c := client(t, "win11", proxy.addr)
	c.Steps = stepsOf(t, c, "tls-config")
	o := c.Run(t.Context()).Results[0].Observation
	if o.Port443 == nil {
		t.Fatal("port 443 was not tried")
	}
	want := golden(t, filepath.Join("win11", "tls-config.txt")).tunnel
	compare(t, "the tunnel", want, proxy.take(o.Local))
	compare(t, "the tunnel to port 443", strings.ReplaceAll(want, "8531", "443"), proxy.take(o.Port443.Local))
	for _, sent := range proxy.rest() {
		t.Errorf("a request left that no step accounts for:\n%q", sent)
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
			request := strings.Replace(golden(t, name).head, "If-Unmodified-Since: "+goldenDate+"\r\n", want, 1)
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
	target := probe.Target{Kind: probe.Embedded, Host: "wsus.test:8530", Content: "wsus.test:8530", Secure: "wsus.test:8531", Size: goldenSize,
		Prefixed: true, Address: "192.0.2.7:8530"}
	return &probe.Client{Proxy: proxy, Timeout: 5 * time.Second, Profile: profile, Target: target, Steps: probe.StepsOf(profile)}
}

// stepsOf are the steps of c with these names.
func stepsOf(t *testing.T, c *probe.Client, names ...string) []*probe.Step {
	t.Helper()
	var some []*probe.Step
	for _, name := range names {
		i := slices.IndexFunc(c.Steps, func(s *probe.Step) bool { return s.ID() == name })
		if i < 0 {
			t.Fatalf("%s has no step called %s", c.Profile.Windows, name)
		}
		some = append(some, c.Steps[i])
	}
	return some
}

// shapeNote is what the comment of a golden request says of a shape.
var shapeNote = regexp.MustCompile(`; shape( [0-9]+)?(?:;|$)`)

// golden is a golden request.
func golden(t *testing.T, name string) goldenRequest {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(goldenDir, name))
	if err != nil {
		t.Errorf("a request without a golden one: %v", err)
		return goldenRequest{}
	}
	text := strings.ReplaceAll(string(file), "\r\n", "\n") // as Git may check it out on Windows
	comment, request, _ := strings.Cut(text, "\n")
	if !strings.HasPrefix(comment, "# wire.md ") {
		t.Errorf("%s does not begin with the section of wire.md that it is from: %q", name, comment)
	}
	var g goldenRequest
	if m := shapeNote.FindStringSubmatch(comment); m != nil {
		g.shape = true
		g.size, _ = strconv.Atoi(strings.TrimSpace(m[1]))
	}
	if tunnel, inside, found := strings.Cut(request, "\n--\n"); found {
		g.tunnel, request = wireEnds(tunnel), inside
	}
	head, body, _ := strings.Cut(request, "\n\n")
	g.head, g.body = wireEnds(head), strings.TrimSuffix(body, "\n")
	return g
}

// wireEnds is a head with the line ends of the wire, and the empty line.
func wireEnds(head string) string { return strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" }

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
		line = strings.ReplaceAll(line, regexp.QuoteMeta(placeholder), values)
	}
	return regexp.MustCompile(`\A` + line + `\z`)
}
