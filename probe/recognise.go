package probe

import (
	"cmp"
	"slices"
	"strings"

	"proxycheck/probe/wire"
)

// maxPage is how much of a page is searched for what names its product, in bytes.
const maxPage = 16 << 10

// allMarks are those by which a product is recognised.
var allMarks = marksOf(func(p *Product, _ *Sign) bool { return p != nil && !p.Serves })

// recognise names the product of the proxy that is nearest to the client, and by
// what it shows itself. Nil is for one that is not known: what is returned beside it
// then shows that there is a proxy, or several of which any may be the nearest, and
// is "" when nothing does. Where no proxy is set, only certificates count: who speaks
// in an answer may as well stand before the server.
func recognise(r *Run) (nearest *Product, by string) {
	rec := &recogniser{beyond: map[string]bool{}, shown: map[*Product]string{}, behind: map[[2]*Product]bool{}}
	for _, result := range r.Results {
		rec.learn(result.Observation)
	}
	for _, result := range r.Results {
		o := result.Observation
		if o == nil {
			continue
		}
		if !o.NoProxy {
			for _, s := range sayings(o) {
				rec.hear(s)
			}
		}
		rec.certified(o.Trust)
	}
	rec.compare()
	return rec.nearest()
}

// A recogniser gathers what answers, requests at the server and certificates of a
// run show of the products on the way.
type recogniser struct {
	beyond   map[string]bool      // what is known to be said on the server's side of the proxy; see told
	seen     []*Product           // in the order of the run
	shown    map[*Product]string  // by what each shows itself first
	behind   map[[2]*Product]bool // of a pair the second stands behind the first, as seen from the client
	made     []own                // answers whose maker showed itself
	adding   []*Product           // those that put Via into answers
	signer   *Product             // of a certificate that is not the server's; nil for none
	issuer   string               // by what signer shows itself
	stranger string               // a Via that no product of the table writes; "" for none
}

// An own is an answer that a product made itself, and those that it passed.
type own struct {
	by     *Product
	passed []*Product
}

// A saying is an answer, or a request as it arrived at the server: both bear what
// is put into them on the way.
type saying struct {
	wire.Head
	page    []byte
	arrived bool       // it is a request
	tunnel  bool       // it answers CONNECT
	between bool       // it is known that the server did not make it
	reply   *wire.Head // what the server made it as; nil when that is not known
}

// sayings are those of o, in the order of its exchanges.
func sayings(o *Observation) []saying {
	var all []saying
	for i, x := range append(slices.Clone(o.Legs), o.Exchange, o.Port443, o.Alone) {
		var w *Witness
		switch {
		case x == nil:
			continue
		case x == o.Exchange:
			w = o.Witness
		case i < len(o.Before):
			w = o.Before[i]
		}
		all = append(all, around(x)...)
		if x.Answer.Status() != 0 && !inTunnel(o, x) {
			all = append(all, answerSaid(x, w))
		}
		if w != nil {
			for _, a := range w.Arrived {
				all = append(all, saying{Head: a.Request, arrived: true, between: true})
			}
		}
	}
	return all
}

// around are what answered the CONNECTs of x.
func around(x *wire.Exchange) []saying {
	var all []saying
	for _, t := range append(slices.Clone(x.Before), x.Tunnel) {
		if t != nil && t.Answer.Status() != 0 {
			all = append(all, saying{Head: t.Answer, page: t.Body.Excerpt, tunnel: true, between: true})
		}
	}
	return all
}

// inTunnel tells whether x is inside a tunnel that ends at the server: nobody
// between has a part in it.
func inTunnel(o *Observation, x *wire.Exchange) bool {
	return x.TLS != nil && o.Trust != nil && o.Trust.OwnRoot
}

// answerSaid is the answer of x, of which the server knew w.
func answerSaid(x *wire.Exchange, w *Witness) saying {
	s := saying{Head: x.Answer, page: x.Body.Excerpt, between: x.Answer.Status() == 407}
	switch {
	case w == nil:
	case w.Closest != nil && w.Closest.Reply.Status() != 0:
		s.reply = &w.Closest.Reply
	case w.Closest == nil && w.Earlier == nil && !saysKept(x.Answer):
		s.between = true
	}
	return s
}

// learn notes what is known to be said beyond the proxy: without it, in tunnels
// that end at the server, and by the server as it tells itself.
func (r *recogniser) learn(o *Observation) {
	if o == nil {
		return
	}
	if d := o.Direct; d != nil {
		for _, x := range append(slices.Clone(d.Legs), d.Exchange) {
			r.said(x.Answer, x.Body.Excerpt)
		}
	}
	for _, x := range append(slices.Clone(o.Legs), o.Exchange) {
		if inTunnel(o, x) {
			r.said(x.Answer, x.Body.Excerpt)
		}
	}
	for _, w := range append(slices.Clone(o.Before), o.Witness) {
		if w != nil && w.Closest != nil {
			r.said(w.Closest.Reply, nil)
		}
	}
}

// said notes what may name a product in an answer: its fields, its status line, and
// what of its page is a sign. The rest of a page is of one exchange alone.
func (r *recogniser) said(h wire.Head, page []byte) {
	for _, f := range h.Fields {
		if allMarks[strings.ToLower(f.Name)] != nil {
			for _, value := range entries(f) {
				r.beyond[told(f.Name, value)] = true
			}
		}
	}
	r.beyond[told(InReason, reasonOf(h))] = true
	text := strings.ToLower(startOf(page))
	for _, m := range allMarks[InPage] {
		if m.in(text) {
			r.beyond[told(InPage, m.Has)] = true
		}
	}
}

// told is what stands in a field, a status line or a page as it is compared. What a
// Via says in brackets is of one exchange alone.
func told(in, value string) string {
	value, _, _ = strings.Cut(value, "[")
	return strings.ToLower(in + ": " + strings.TrimSpace(value))
}

// startOf is what of a page is searched.
func startOf(page []byte) string { return string(page[:min(len(page), maxPage)]) }

// entries are what f says: each entry of a Via by itself.
func entries(f wire.Field) []string {
	if !strings.EqualFold(f.Name, "Via") {
		return []string{f.Value}
	}
	var all []string
	depth, start := 0, 0
	for i, c := range f.Value + "," {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && (depth <= 0 || i == len(f.Value)):
			all, start = append(all, strings.TrimSpace(f.Value[start:i])), i+1
		}
	}
	return all
}

// hear takes in what s shows. Those that passed it on stand in its Via, in their
// order; in front of whoever made it.
func (r *recogniser) hear(s saying) {
	passed := r.passed(s)
	for i, near := range passed {
		for _, far := range passed[i+1:] {
			r.behind[[2]*Product{near, far}] = near != far
		}
		if !s.arrived && !s.tunnel && !slices.Contains(r.adding, near) {
			r.adding = append(r.adding, near)
		}
	}
	if maker := r.maker(s); maker != nil && !s.tunnel {
		r.made = append(r.made, own{maker, passed})
	}
}

// passed are those that passed s on, by its Via, the nearest to the client first.
func (r *recogniser) passed(s saying) []*Product {
	var some []*Product
	for _, f := range s.Fields {
		if !strings.EqualFold(f.Name, "Via") {
			continue
		}
		for _, entry := range entries(f) {
			if !s.arrived && r.beyond[told(f.Name, entry)] {
				continue
			}
			m, by := s.markIn("Via", entry, anyMark), "Via: "+quoted(entry)
			if m.Sign == nil {
				r.stranger = cmp.Or(r.stranger, by)
				continue
			}
			r.note(m, by)
			some = append(some, m.of)
		}
	}
	if !s.arrived {
		slices.Reverse(some) // each puts its own behind what is there
	}
	return some
}

// maker is who made s, where it shows itself; nil when nobody does. Those that show
// themselves in s otherwise than by Via, and did not make it, are only noted.
func (r *recogniser) maker(s saying) *Product {
	var maker *Product
	take := func(m mark, by string) {
		if m.Sign != nil {
			r.note(m, by)
			if m.Own && maker == nil {
				maker = m.of
			}
		}
	}
	for _, f := range s.Fields {
		if !strings.EqualFold(f.Name, "Via") {
			m := s.markIn(f.Name, f.Value, func(m mark) bool { return r.credible(s, f, m) })
			take(m, f.Name+": "+quoted(f.Value))
		}
	}
	if s.arrived || !s.otherwise() {
		return maker
	}
	reason := reasonOf(s.Head)
	ofLine := func(mark) bool { return !r.beyond[told(InReason, reason)] }
	ofPage := func(m mark) bool { return !r.beyond[told(InPage, m.Has)] }
	take(s.markIn(InReason, reason, ofLine), "the status line "+quoted(s.Start))
	if m := s.markIn(InPage, startOf(s.page), ofPage); m.Sign != nil {
		take(m, "a page that has "+quoted(m.Has))
	}
	return maker
}

func anyMark(mark) bool { return true }

// markIn is the first mark in a value that is allowed; the zero mark for none.
func (s saying) markIn(in, value string, allowed func(mark) bool) mark {
	marks := allMarks[strings.ToLower(in)]
	if marks == nil || value == "" && (in == InReason || in == InPage) {
		return mark{}
	}
	value = strings.ToLower(value)
	if i := slices.IndexFunc(marks, func(m mark) bool { return m.in(value) && allowed(m) }); i >= 0 {
		return marks[i]
	}
	return mark{}
}

// credible tells whether somebody on the way wrote a field of s, in which m stands.
// What the server says passes through most proxies, its name too.
func (r *recogniser) credible(s saying, f wire.Field, m mark) bool {
	server := strings.EqualFold(f.Name, "Server")
	switch {
	case s.arrived:
		return !m.Own
	case r.beyond[told(f.Name, f.Value)]:
		return false
	case s.between, s.lacked(f.Name, f.Value):
		return true
	case m.Own:
		return s.ownKind()
	}
	return !server
}

// lacked tells whether s is known not to have had a value when the server made it.
func (s saying) lacked(name, value string) bool {
	return s.reply != nil && !slices.ContainsFunc(s.reply.All(name), func(v string) bool { return strings.Contains(v, value) })
}

// ownKind tells whether s is of a kind that proxies make themselves: a page, or an
// answer that is not good.
func (s saying) ownKind() bool {
	return s.between || s.Status() >= 300 || strings.HasPrefix(strings.ToLower(s.Get("Content-Type")), "text/html")
}

// otherwise tells whether s is of that kind, and not what the server is known to
// have said.
func (s saying) otherwise() bool {
	return s.ownKind() && (s.reply == nil || s.reply.Start != s.Start)
}

// note keeps by what a product shows itself first.
func (r *recogniser) note(m mark, by string) {
	if m.Sure == Unsure {
		by += " (unsure)"
	}
	if r.shown[m.of] == "" {
		r.seen, r.shown[m.of] = append(r.seen, m.of), by
	}
}

// certified takes in who signed a certificate that is not the server's own.
func (r *recogniser) certified(t *Trust) {
	if t == nil || t.OwnRoot || r.signer != nil {
		return
	}
	issuer := strings.ToLower(t.Issuer)
	for _, m := range allMarks[InIssuer] {
		if m.in(issuer) {
			r.signer, r.issuer = m.of, "certificates issued by "+quoted(t.Issuer)
			if m.Sure == Unsure {
				r.issuer += " (unsure)"
			}
			return
		}
	}
}

// compare tells from answers that products made themselves who stands behind them:
// whoever marks what it passes on and did not mark that. Those that did stand in
// front.
func (r *recogniser) compare() {
	for _, answer := range r.made {
		for _, p := range r.adding {
			switch {
			case p == answer.by:
			case slices.Contains(answer.passed, p):
				r.behind[[2]*Product{p, answer.by}] = true
			default:
				r.behind[[2]*Product{answer.by, p}] = true
			}
		}
	}
}

// nearest is the one that has all others behind it.
func (r *recogniser) nearest() (*Product, string) {
	first := slices.IndexFunc(r.seen, func(p *Product) bool {
		return !slices.ContainsFunc(r.seen, func(q *Product) bool {
			return q != p && (!r.behind[[2]*Product{p, q}] || r.behind[[2]*Product{q, p}])
		})
	})
	switch {
	case len(r.seen) == 0 && r.signer != nil:
		return r.signer, r.issuer
	case len(r.seen) == 0:
		return nil, r.stranger
	case first < 0:
		return nil, r.naming(r.seen) + ": which is nearer to the client does not show"
	}
	p := r.seen[first]
	by := r.shown[p]
	if others := slices.Delete(slices.Clone(r.seen), first, first+1); len(others) > 0 {
		by += "; behind it " + r.naming(others)
	}
	if r.signer != nil && r.signer != p {
		by += "; " + r.issuer + " are of " + r.signer.Title
	}
	return p, by
}

// naming names products, each with what shows it.
func (r *recogniser) naming(some []*Product) string {
	var names []string
	for _, p := range some {
		names = append(names, p.Title+" ("+r.shown[p]+")")
	}
	return strings.Join(names, " and ")
}
