package wsus

import (
	"container/list"
	"slices"
)

// remember puts a thing behind others, of which the oldest are forgotten.
func remember[T comparable](things []T, thing T) []T {
	if n := len(things); n > 0 && things[n-1] == thing {
		return things
	}
	if i := slices.Index(things, thing); i >= 0 {
		things = slices.Delete(things, i, i+1)
	}
	if len(things) == maxNames {
		things = slices.Delete(things, 0, 1)
	}
	return append(things, thing)
}

// A shelf holds things by name, and forgets those that were not asked for the
// longest.
type shelf[T any] struct {
	most   int
	places map[string]*list.Element
	order  *list.List // of *named[T], the latest first
}

type named[T any] struct {
	name   string
	thing  T
	forget func(*T) // called when it is forgotten; nil for nothing
}

func newShelf[T any](most int) shelf[T] {
	return shelf[T]{most, map[string]*list.Element{}, list.New()}
}

// get is the thing of that name, a new one if need be. Forget is called when a
// new one is forgotten.
func (s *shelf[T]) get(name string, forget func(*T)) *T {
	if e := s.places[name]; e != nil {
		s.order.MoveToFront(e)
		return &e.Value.(*named[T]).thing
	}
	if s.order.Len() == s.most {
		s.forget()
	}
	n := &named[T]{name: name, forget: forget}
	s.places[name] = s.order.PushFront(n)
	return &n.thing
}

// forget forgets the thing that was not asked for the longest.
func (s *shelf[T]) forget() {
	n := s.order.Remove(s.order.Back()).(*named[T])
	delete(s.places, n.name)
	if n.forget != nil {
		n.forget(&n.thing)
	}
}

// all are the things with their names, the latest first.
func (s *shelf[T]) all(yield func(string, *T) bool) {
	for e := s.order.Front(); e != nil; e = e.Next() {
		if n := e.Value.(*named[T]); !yield(n.name, &n.thing) {
			return
		}
	}
}
