package probe

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"proxycheck/probe/endpoint"
	"proxycheck/probe/wire"
)

// What a look at several steps tells that none tells alone.
func TestRunWide(t *testing.T) {
	// The start of a file, and of a part that begins where the file does.
	whole := func(start string) *sight { return saw("bits-file", goodHead+"\n\n"+start) }
	part := func(start string) *sight { return saw("bits-range-first", goodPart+"\n\n"+start) }
	compared := func(o *Observation) { o.Compared = &Comparison{Differs: -1} }
	for _, tt := range []struct {
		name string
		run  *Run
		want string
	}{
		{"only HEAD is denied", ran(saw("wua-config", goodConfig), saw("bits-size", squidDenies), saw("bits-file", goodHead)),
			"bits-size: head-refused fail proxy"},
		{"each HEAD is denied", ran(saw("selfupdate-size", squidDenies), saw("bits-size", squidDenies), saw("bits-file", goodHead)),
			"selfupdate-size: head-refused warn proxy; bits-size: head-refused fail proxy"}, // Windows 11 does not update itself so
		{"HEAD is denied, and no file comes", ran(saw("bits-size", squidDenies), saw("bits-file", goodHead).breaks(wire.BodyRead, wire.Cut)),
			"bits-size: request-denied fail proxy; bits-file: body-cut fail unknown"},
		{"HEAD and GET are denied", ran(saw("bits-size", squidDenies), saw("bits-file", squidDenies)),
			"bits-size: request-denied fail proxy; bits-file: request-denied fail proxy"},
		{"cabinets are denied", ran(saw("wua-config", goodConfig), saw("bits-size", squidDenies), saw("bits-file", squidDenies)),
			"bits-size: file-type-denied fail proxy; bits-file: file-type-denied fail proxy"},
		{"cabinets are denied by nobody known", ran(saw("wua-config", goodConfig), saw("bits-file", "HTTP/1.1 403 Forbidden")),
			"bits-file: file-type-denied fail unknown"},
		{"everything is denied", ran(saw("wua-config", squidDenies), saw("bits-size", squidDenies), saw("bits-file", squidDenies)),
			"wua-config: request-denied fail proxy; bits-size: request-denied fail proxy; bits-file: request-denied fail proxy"},
		{"only the web service is denied", ran(saw("wua-config", squidDenies), saw("bits-file", goodHead)),
			"wua-config: request-denied fail proxy"},
		{"cabinets are denied, and the web service was asked through a tunnel only", ran(saw("tls-config", goodConfig).trust(ByServersCA, nil), saw("bits-file", squidDenies)),
			"bits-file: request-denied fail proxy"},
		{"a tunnel is denied", ran(saw("wua-config", goodConfig), tunnelled(squidDenies), saw("bits-file", goodHead)),
			"tls-config: tunnel-denied fail proxy"},

		{"a part is of the file", ran(part("MSCF0123"), whole("MSCF0123456")), ""},
		{"a part is of another file", ran(part("MSCF0124"), whole("MSCF0123456")), "bits-range-first: content-altered fail unknown"},
		{"a part is longer than what is kept of the file", ran(part("MSCF0123456789"), whole("MSCF0123")), ""},
		{"a part is of a file that broke off", ran(part("MSCF0124"), whole("MSCF0123").breaks(wire.BodyRead, wire.Cut)), "bits-file: body-cut fail unknown"},
		{"a part is of a file that is known byte for byte", ran(part("MSCF0124"), whole("MSCF0123456").with(compared)), ""},
		{"a deep part is beyond what is kept of the file", ran(saw("bits-range-last", "HTTP/1.1 206 Partial Content\nContent-Length: 1\nContent-Range: bytes 99999-99999/100000\n\no"), whole("MSCF")), ""},

		{"what wants TLS is the server, since tunnels open", ran(saw("bits-file", wantsTLS), tunnelled("HTTP/1.1 403 Forbidden")),
			"bits-file: server-not-wsus fail client; tls-config: tunnel-denied fail proxy"},
		{"what wants TLS may be the proxy", ran(saw("bits-file", wantsTLS)), "bits-file: proxy-not-http fail client"},
	} {
		if got := shows(tt.run); got != tt.want {
			t.Errorf("%s: the run shows %q, want %q", tt.name, got, tt.want)
		}
	}
}

// wantsTLS is what nginx says to a request in clear on its TLS port.
const wantsTLS = "HTTP/1.1 400 Bad Request\nServer: nginx\n\n<html><head><title>400 The plain HTTP request was sent to HTTPS port</title>"

// Without a proxy, no look at several steps blames one either.
func TestRunWideDirect(t *testing.T) {
	r := ran(saw("wua-config", goodConfig).direct(), saw("bits-file", "HTTP/1.1 403 Forbidden").direct())
	if got, want := shows(r), "bits-file: file-type-denied fail unknown"; got != want {
		t.Errorf("without a proxy, denied cabinets show %q, want %q", got, want)
	}
}

// A failure of a step that this Windows does without is only a warning.
func TestSpare(t *testing.T) {
	for _, tt := range []struct {
		windows Windows
		want    string
	}{
		{Win11, "selfupdate-file: request-denied warn proxy"},
		{Win7, "selfupdate-file: request-denied fail proxy"},
	} {
		r := ran(saw("selfupdate-file", squidDenies))
		r.Client.Profile, _ = LookupProfile(string(tt.windows))
		if got := shows(r); got != tt.want {
			t.Errorf("as %s, the run shows %q, want %q", tt.windows, got, tt.want)
		}
	}
}

// The verdict is the worst that any step came to; what was not tried has not
// passed.
func TestVerdict(t *testing.T) {
	const P, W, F, S, U = StatusPass, StatusWarn, StatusFail, StatusSkip, StatusUnknown
	for _, tt := range []struct {
		steps    []Status
		complete bool
		want     Status
	}{
		{[]Status{P, P}, true, P},
		{[]Status{P, W}, true, W},
		{[]Status{P, W, F}, true, F},
		{[]Status{P, S}, true, U},
		{[]Status{P, U}, true, U},
		{[]Status{W, U}, true, U},
		{[]Status{F, S, U}, true, F},
		{[]Status{F, P}, false, F},
		{[]Status{P, P}, false, U},
		{[]Status{S, S}, true, U},
		{nil, true, U},
	} {
		r := &Report{Complete: tt.complete}
		for _, s := range tt.steps {
			r.Steps = append(r.Steps, Played{Status: s})
		}
		if got := verdict(r); got != tt.want {
			t.Errorf("steps that come to %v, complete: %v, make %s, want %s", tt.steps, tt.complete, got, tt.want)
		}
	}
}

// A step that broke off because we stopped leaves the run unknown, and one that
// others made pointless is skipped: neither has passed.
func TestStatus(t *testing.T) {
	for _, tt := range []struct {
		name string
		r    *Result
		want Status
	}{
		{"good", result(saw("bits-size", goodHead)), StatusPass},
		{"bad", result(saw("bits-size", squidDenies)), StatusFail},
		{"doubtful", result(saw("bits-range-first", strings.Replace(goodPart, "/1.1", "/1.0", 1))), StatusWarn},
		{"stopped by us", result(saw("bits-size", "").breaks(wire.FirstByte, wire.Stopped)), StatusUnknown},
		{"left in mid-body", result(saw("bits-file", goodHead).with(func(o *Observation) { o.Body.Abandoned, o.Body.Length = true, 7 })), StatusUnknown},
		{"not sent for lack of time", &Result{Step: saw("bits-size", "").step, WaitedFor: "deadline"}, StatusUnknown},
		{"not sent since the proxy is dead", &Result{Step: saw("bits-size", "").step, WaitedFor: "wua-config: refused", Skipped: true}, StatusSkip},
	} {
		r := ran()
		r.Results = []*Result{tt.r}
		if got := judge(r)[0].status(); got != tt.want {
			t.Errorf("a step that was %s comes to %s, want %s", tt.name, got, tt.want)
		}
	}
}

// Steps that blame different owners prove none, and the worst grade is shown.
func TestMerge(t *testing.T) {
	byIIS := strings.Replace(squidDenies, "Server: squid/5.7\n", "Server: Microsoft-IIS/10.0\n", 1)
	byIIS = strings.Replace(byIIS, "X-Squid-Error: ERR_ACCESS_DENIED 0\n", "", 1)
	for _, tt := range []struct {
		name  string
		run   *Run
		owner Owner
		grade Grade
	}{
		{"by one", ran(saw("bits-size", squidDenies), saw("bits-file", squidDenies)), Proxy, Fail},
		{"by two", ran(saw("bits-size", squidDenies), saw("bits-file", byIIS)), Unknown, Fail},
		{"by two, one of them spared", ran(saw("selfupdate-file", byIIS), saw("bits-file", squidDenies)), Proxy, Fail},
	} {
		found := merge(judge(tt.run))
		if len(found) != 1 || found[0].Finding != RequestDenied || found[0].owner != tt.owner || found[0].grade != tt.grade {
			t.Errorf("denied %s: got %d findings, the first %+v; want one for %s, %s", tt.name, len(found), found[0], tt.owner, tt.grade)
		}
	}
}

// A login is never in a report, whichever leg or tunnel it was sent on.
func TestLoginIsNeverReported(t *testing.T) {
	login := &Login{User: "CORP\\alice", Password: "hunter2 and more"}
	secret := strings.TrimPrefix(basic(login.User, login.Password), "Basic ")
	authorized := func(x *wire.Exchange) *wire.Exchange {
		x.Sent.Fields = append(x.Sent.Fields, wire.Field{Name: "Proxy-Authorization", Value: basic(login.User, login.Password)},
			wire.Field{Name: "authorization", Value: "NTLM " + secret})
		return x
	}
	denied := tunnelled(squidAsks)
	authorized(denied.o.Tunnel)
	opened := saw("tls-config", goodConfig)
	opened.o.Tunnel = authorized(&wire.Exchange{Sent: wire.Lines("CONNECT wsus.test:8531 HTTP/1.1")})
	plain := saw("bits-file", squidAsks)
	plain.o.Legs = []*wire.Exchange{authorized(saw("bits-file", squidAsks).o.Exchange)}
	authorized(plain.o.Exchange)

	r := ran(denied, opened, plain)
	r.Client.Login = login
	text, err := json.Marshal(Conclude(r, About{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{secret, login.Password, login.User, "alice", base64.StdEncoding.EncodeToString([]byte(login.Password))} {
		if strings.Contains(string(text), s) {
			t.Errorf("the report has %q of the login %v in it", s, *login)
		}
	}
	if n := strings.Count(string(text), "Proxy-Authorization: Basic ***"); n != 4 {
		t.Errorf("the report shows %d hidden logins, want the 4 that were sent", n)
	}
}

func TestWithoutLogin(t *testing.T) {
	sent := wire.Lines("GET / HTTP/1.1\nHost: wsus.test\nPROXY-AUTHORIZATION: Negotiate YII=\nAuthorization: Basic QTpi\nProxy-Connection: Keep-Alive")
	want := "GET / HTTP/1.1\r\nHost: wsus.test\r\nPROXY-AUTHORIZATION: Negotiate ***\r\nAuthorization: Basic ***\r\nProxy-Connection: Keep-Alive\r\n\r\n"
	if got := string(withoutLogin(sent).Bytes()); got != want {
		t.Errorf("withoutLogin gives\n%q, want\n%q", got, want)
	}
	if sent.Get("Authorization") != "Basic QTpi" {
		t.Error("withoutLogin changed the head that it was given")
	}
}

// Each byte of a head is one character of the report, so that the head can be
// made of the report again; and a head without end is cut.
func TestLatin1(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	text := latin1(every)
	marshalled, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	var again string
	json.Unmarshal(marshalled, &again)
	for i, r := range []rune(again) {
		if r != rune(i) {
			t.Errorf("the byte %#x becomes %q in a report", i, r)
		}
	}
	if n := len([]rune(latin1([]byte(strings.Repeat("\xFF", maxHead+1))))); n != maxHead {
		t.Errorf("of a head of %d bytes %d are shown, want %d", maxHead+1, n, maxHead)
	}
}

// A finding that accounts for another has it under it.
func TestUnder(t *testing.T) {
	r := Conclude(ran(saw("bits-size", "HTTP/1.1 200 OK"), saw("bits-file", goodHead+"\nContent-Encoding: gzip")), About{Command: "proxycheck run"})
	under := map[string]string{}
	for _, f := range r.Findings {
		under[f.Name] = f.Under
		if f.Retest != "proxycheck run" {
			t.Errorf("%s is tried again by %q", f.Name, f.Retest)
		}
	}
	if len(under) != 2 || under["size-hidden"] != "content-recoded" || under["content-recoded"] != "" {
		t.Errorf("findings and what accounts for them: %v, want size-hidden under content-recoded", under)
	}
}

// ran is a run of Windows 11 through a proxy that saw this.
func ran(sights ...*sight) *Run {
	r := &Run{ID: "0A1B2C3D", Client: &Client{Profile: Profiles[0], Proxy: "proxy.test:3128"}, Target: known}
	for _, s := range sights {
		r.Results = append(r.Results, result(s))
	}
	return r
}

func result(s *sight) *Result { return &Result{Step: s.step, Observation: s.o} }

// shows is what each step of a run shows, in words.
func shows(r *Run) string {
	var words []string
	for _, j := range judge(r) {
		for _, v := range j.verdicts {
			words = append(words, fmt.Sprintf("%s: %s %s %s", j.Step.Name, v.Finding.Name, v.Grade, v.Owner))
		}
	}
	return strings.Join(words, "; ")
}

// What comes from a cache does not show whether the proxy passes Range on: a run
// that has seen nothing else does not know.
func TestCacheProvesNothing(t *testing.T) {
	const part = "HTTP/1.1 206 Partial Content\nContent-Length: 5473\nContent-Range: bytes 0-5472/100000\n"
	for _, tt := range []struct {
		answer string
		want   Status
	}{{part, StatusPass}, {part + "Age: 12", StatusUnknown}, {part + "X-Cache: HIT from squid", StatusUnknown}, {part + "X-Cache: MISS from squid", StatusPass}} {
		if r := Conclude(ran(saw("bits-range-first", tt.answer)), About{}); r.Steps[0].Status != tt.want || r.Verdict != tt.want {
			t.Errorf("%q: the step is %s, the verdict %s, want %s", tt.answer, r.Steps[0].Status, r.Verdict, tt.want)
		}
	}
}

// A list may have ten thousand rows. What they show is concluded in a time that goes
// with their number: by its square, as it once was, it took minutes.
func TestConcludeManyHosts(t *testing.T) {
	const hosts, most = 10_000, 20 * time.Second // where it takes one at most
	own := seenAnswer{"HTTP/1.1 403 Forbidden\nServer: AkamaiGHost", akamaiPage}
	denied := seenAnswer{squidDenied, squidPage}
	for _, tt := range []struct {
		name    string
		tls     bool
		answers []seenAnswer // in turn
		want    string       // the findings
	}{
		{"each answers", false, []seenAnswer{own}, ""},
		{"each is denied", false, []seenAnswer{denied}, "host-blocked"},
		{"each shows a page", false, []seenAnswer{{"HTTP/1.1 200 OK\nContent-Type: text/html", boxPage}}, "host-unclear"},
		{"some are denied, and some not reached", false, []seenAnswer{own, denied, {"HTTP/1.1 504 Gateway Timeout", ""}}, "host-blocked host-unreached"},
		{"each tunnel is denied", true, []seenAnswer{denied}, "host-blocked"},
		{"some were not asked, since the proxy fell silent", false, []seenAnswer{denied, {}}, "host-blocked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := manyHosts(hosts, tt.tls, tt.answers)
			began := time.Now()
			report := Conclude(r, About{})
			if took := time.Since(began); took > most {
				t.Errorf("it took %s, want at most %s", took, most)
			}
			var found []string
			for _, f := range report.Findings {
				found = append(found, f.Name)
				if len(f.CodesAll) > 20 {
					t.Errorf("%s has %d codes", f.Name, len(f.CodesAll))
				}
			}
			if got := strings.Join(found, " "); got != tt.want || len(report.Hosts) != hosts {
				t.Errorf("of %d hosts it says %q, want %q", len(report.Hosts), got, tt.want)
			}
		})
	}
}

// A seenAnswer is the head and the page with which a host was answered; without a head,
// it was not asked.
type seenAnswer struct{ head, page string }

// manyHosts is a run that asked so many hosts of a list, all through tunnels or none,
// which gave these answers in turn. Those that were not asked were behind the first.
func manyHosts(n int, tls bool, answers []seenAnswer) *Run {
	c := &Client{Profile: Profiles[0], Proxy: "proxy.test:3128", Target: MicrosoftTarget()}
	for i := range n {
		c.Hosts = append(c.Hosts, endpoint.Host{Name: fmt.Sprintf("n%d.updates%d.example", i, i), Port: "80", TLS: tls, By: string(WUA), Path: "/", Sure: endpoint.Verified})
	}
	r := &Run{ID: "0A1B2C3D", Client: c, Target: c.Target}
	for _, s := range reachOf(c.Hosts)[2:] { // behind those that cannot exist
		result := &Result{Step: s}
		if a := answers[len(r.Results)%len(answers)]; a.head == "" {
			result.Skipped, result.Behind = true, r.Results[0].Step.ID()
		} else if o := answerFor(*s.Host, a.head, a.page); tls {
			o.Exchange = &wire.Exchange{Authority: o.Authority, Stopped: wire.Tunnel, Failure: wire.Denied, Tunnel: o.Exchange}
			result.Observation = o
		} else {
			result.Observation = o
		}
		r.Results = append(r.Results, result)
	}
	return r
}
