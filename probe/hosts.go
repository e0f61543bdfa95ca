package probe

import (
	"context"
	"net"
	"slices"
	"strings"

	"proxycheck/probe/endpoint"
	"proxycheck/probe/wire"
)

// MicrosoftLanes is how many connections to hosts of the lists are open at once, unless
// a client is told otherwise.
const MicrosoftLanes = 24

// The hosts of the URL lists, each asked as the component asks that uses it.

// Names of the steps that ask hosts of the lists.
const (
	reachName       = "reach"
	nonexistentName = "reach-control"
)

// reaching matches what is asked of a host of the lists. Any answer of the host itself
// is good: a 404 too has come all the way.
var reaching = &Kind{Name: "reach", Text: true, AnyStatus: true, Rules: reachedHosts, Broken: unreachedHosts}

// nonexistent matches what is asked of a host that cannot exist. It shows what the proxy
// says by itself, and proves nothing on its own.
var nonexistent = &Kind{Name: "reach control", Text: true, Silent: true}

// MadeUp are examples of the steps that a run makes up, beside those of Steps: one for
// each host of the lists, one for each name that cannot exist, and the file that names
// the proxy.
func MadeUp() []*Step {
	host := endpoint.Host{Name: "HOST", Port: "PORT", By: string(WUA), Sure: endpoint.Verified}
	control := host
	control.Name, control.Control = "proxycheck-{run}.DOMAIN", true
	return []*Step{reachStep(&host), reachStep(&control), &wpadFile}
}

// WithControls are chosen steps, and those of all that show what the proxy says of a host
// that cannot exist, where hosts are asked.
func WithControls(chosen, all []*Step) []*Step {
	if !slices.ContainsFunc(chosen, func(s *Step) bool { return s.Host != nil }) {
		return chosen
	}
	return slices.DeleteFunc(slices.Clone(all), func(s *Step) bool {
		control := s.Host != nil && s.Host.Control && s.Host.Pattern == ""
		return !control && !slices.Contains(chosen, s)
	})
}

// reachOf are the steps that ask hosts, those through tunnels first, which take longer.
// Those that cannot exist come with them, to know the proxy's own answers by.
func reachOf(hosts []endpoint.Host) []*Step {
	var tunnels, clear []*Step
	for i := range hosts {
		if s := reachStep(&hosts[i]); hosts[i].TLS {
			tunnels = append(tunnels, s)
		} else {
			clear = append(clear, s)
		}
	}
	if len(hosts) == 0 {
		return nil
	}
	nowhere := endpoint.Host{Name: "proxycheck-{run}.invalid", Port: "80", By: string(WUA), Path: "/", Control: true} // RFC 6761, 6.4
	secure := nowhere
	secure.Port, secure.TLS = "443", true
	return append([]*Step{reachStep(&secure), reachStep(&nowhere)}, append(tunnels, clear...)...)
}

// reachStep asks one host.
func reachStep(h *endpoint.Host) *Step {
	to := net.JoinHostPort(h.Name, h.Port)
	asker := askers[h.By]
	s := &Step{
		Name: reachName, Variant: to, Title: "ask " + to + " of the lists", By: Agent(h.By), Layer: asker.layer,
		Kind: reaching, On: reachName + "-" + to, At: to, Quick: !h.Numbered, Send: asker.send, Host: h,
	}
	if h.TLS {
		s.Send = fetch("HEAD", "https://{tls}{path}", "{tls}")
	}
	if h.TLS && s.By == WUA {
		s.Layer = SOAP // its tunnels are for web services (wire.md 2.8, 2.9)
	}
	if h.Control {
		s.Name, s.Kind, s.Variant = nonexistentName, nonexistent, strings.Replace(to, "proxycheck-{run}", "*", 1)
		s.On, s.Quick = reachName+"-"+s.Variant, h.Pattern == ""
		s.Title = "ask for a name as " + s.Variant + " that cannot exist"
	}
	switch {
	case h.Retired():
		s.Spare = constant("the lists say that this host has been given up")
	case h.Optional != "":
		s.Spare = constant(h.Optional)
	}
	return s
}

// askers are how each agent asks for a file (wire.md 1.2, 2.3, 4.1, 5.5, 5.6).
var askers = map[string]struct {
	layer Layer
	send  string
}{
	string(WUA):       {Fetch, fetch("GET", "{path}", "{content}")}, // HEAD, which comes before, hides a page
	string(BITS):      {Job, bitsIf("", "{path}", "")},              // it waits for no other step
	string(DO):        {Job, doGet("{path}", "{range:probe}")},
	string(CryptoAPI): {Fetch, cryptoGet("{path}")},
	string(NCSI):      {Fetch, connectivityGet("{path}")},
}

// connectivityGet asks for the sign that there is an Internet (wire.md 5.6).
func connectivityGet(target string) string {
	return "\nGET " + target + ` HTTP/1.1
Connection: Close
User-Agent: Microsoft NCSI
Host: {content}
`
}

// askedHosts are the hosts of the lists that were asked, or could not be.
func askedHosts(all []*judged) []AskedHost {
	hosts := []AskedHost{}
	for _, j := range all {
		h := j.Step.Host
		if h == nil || h.Control {
			continue
		}
		a := AskedHost{Host: net.JoinHostPort(h.Name, h.Port), TLS: h.TLS, Pattern: h.Pattern, Lists: []string{}, Sure: string(h.Sure),
			By: j.Step.By, Step: j.id(), Status: j.status()}
		for _, r := range h.Rows {
			a.Lists = appendNew(a.Lists, r.List)
		}
		if j.Observation != nil {
			reply, _ := j.Observation.reply()
			a.Answer = reply.Start
		}
		if len(j.verdicts) > 0 {
			v := j.verdicts[0]
			a.Finding, a.Owner, a.Seen = v.Finding.Name, v.Owner, v.Evidence
		}
		hosts = append(hosts, a)
	}
	return hosts
}

// spareTunnels takes those tunnels to names that nobody has out of results that only
// show something where others are denied: a proxy may take each that fails for a sign
// that the next proxy is down.
func (s *session) spareTunnels(results []*Result) (now, later []*Result) {
	for _, r := range results {
		if h := r.Step.Host; h != nil && h.Control && h.TLS && h.Pattern != "" {
			later = append(later, r)
		} else {
			now = append(now, r)
		}
	}
	return now, later
}

// askControls asks for the tunnels that were spared, where some tunnel was denied; one
// to a host that cannot exist is not denied where the gateway only does not find it.
func (s *session) askControls(ctx context.Context, opening *lane, later []*Result) {
	denied := slices.ContainsFunc(s.run.Results, func(r *Result) bool {
		h, o := r.Step.Host, r.Observation
		return h != nil && o != nil && o.Stopped == wire.Tunnel && (!h.Control || cannotReach(o) == "")
	})
	if denied {
		s.sideBySide(ctx, opening, byConnection(later))
		return
	}
	for _, r := range later {
		r.WaitedFor, r.Skipped, r.LeftOut = "no tunnel was denied", true, true
		s.settle(r)
	}
}

// maxAgain is how many hosts are asked once more.
const maxAgain = 16

// askAgain asks once more, one after another, for hosts that a gateway did not reach.
func (s *session) askAgain(ctx context.Context) {
	left := maxAgain
	for _, r := range s.run.Results {
		h, o := r.Step.Host, r.Observation
		if h == nil || h.Control || o == nil || answered(500, 502, 503, 504)(o) == "" || speaker(o) == Server || left == 0 || ctx.Err() != nil || s.left() < overhead {
			continue
		}
		conn := &wire.Conn{Dialer: s.dialer}
		o.Again = conn.Exchange(ctx, &wire.Request{Head: o.Sent, Authority: o.Authority, TLS: h.TLS, Limit: slack})
		s.count(o.Again)
		conn.Close()
		if left--; o.Again.Failure == wire.Silent {
			return
		}
	}
}
