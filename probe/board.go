package probe

import (
	"context"
	"maps"
	"sync"

	"proxycheck/probe/wusp"
)

// A board is where connections that run side by side read what the others saw.
type board struct {
	mu      sync.Mutex
	posted  map[string]chan struct{} // closed when the step is done
	seen    Past
	objects map[string]Object // by agent's connections and kind of file: each has files of its own
	streams *wusp.Stream      // the file of Microsoft's content server; nil until it is wanted
}

func (b *board) open(steps []*Step) {
	b.posted, b.seen, b.objects = map[string]chan struct{}{}, Past{}, map[string]Object{}
	for _, s := range steps {
		b.posted[s.ID()] = make(chan struct{})
	}
}

// post makes a result known.
func (b *board) post(r *Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Observation != nil && r.Step.Host == nil { // whose answer no step quotes
		b.seen[r.Step.ID()] = r.Observation
	}
	close(b.posted[r.Step.ID()])
}

// past is what has been seen so far, and what only one agent has.
func (b *board) past(own Past) Past {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := maps.Clone(b.seen)
	maps.Copy(p, own)
	return p
}

// wait returns when the step called id is done. It tells whether that will
// ever be: a step that is not part of the run knows nothing.
func (b *board) wait(ctx context.Context, id string) bool {
	posted, ok := b.posted[id]
	if !ok {
		return false
	}
	select {
	case <-posted:
	case <-ctx.Done():
	}
	return true
}

// object is the file that the steps of a connection, and of its second client,
// mean by an argument.
func (b *board) object(t *Target, run, line, argument string) Object {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := line + " " + argument
	o, ok := b.objects[key]
	if !ok {
		o = t.object(run, argument)
		b.objects[key] = o
	}
	return o
}

// stream is the file that the steps fetch as from Microsoft's content servers.
func (b *board) stream(t *Target, run string) wusp.Stream {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.streams == nil {
		s := wusp.NewStream(t.Size, run)
		b.streams = &s
	}
	return *b.streams
}
