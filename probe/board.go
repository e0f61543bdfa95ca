package probe

import (
	"context"
	"slices"
	"sync"
)

// A board is where connections that run side by side read what the others saw.
type board struct {
	mu      sync.Mutex
	posted  map[string]chan struct{} // closed when the step is done
	names   []string                 // the steps that are done
	seen    Past
	objects map[string]Object // by connection: each fetches a file of its own
}

func (b *board) open(steps []*Step) {
	b.posted, b.seen, b.objects = map[string]chan struct{}{}, Past{}, map[string]Object{}
	for _, s := range steps {
		b.posted[s.Name] = make(chan struct{})
	}
}

// post makes a result known.
func (b *board) post(r *Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Observation != nil {
		b.seen[r.Step.Name] = r.Observation
	}
	b.names = append(b.names, r.Step.Name)
	close(b.posted[r.Step.Name])
}

// done are the names of the steps that are done.
func (b *board) done() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.names)
}

// past is what has been seen so far.
func (b *board) past() Past {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := make(Past, len(b.seen))
	for name, o := range b.seen {
		p[name] = o
	}
	return p
}

// wait returns when the step called name is done. It tells whether that will
// ever be: a step that is not part of the run knows nothing.
func (b *board) wait(ctx context.Context, name string) bool {
	posted, ok := b.posted[name]
	if !ok {
		return false
	}
	select {
	case <-posted:
	case <-ctx.Done():
	}
	return true
}

// object is the file that the steps of a connection fetch.
func (b *board) object(t *Target, run, line string) Object {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.objects[line]
	if !ok {
		o = t.object(run)
		b.objects[line] = o
	}
	return o
}
