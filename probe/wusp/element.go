package wusp

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Bounds of a message. The longest of a scan, a page of updates, has some
// 100 KB and a depth of eight.
const (
	maxMessage  = 1 << 20 // bytes
	maxDepth    = 64      // elements within one another
	maxElements = 10_000  // that Elements gives
)

// Element is the text of the first element at path, or "" when there is none.
// A path is the local names of an element and of those around it, as many as
// are needed to tell it apart: "NewCookie/EncryptedData". The text is what
// stands directly in the element. One whose end is missing does not count.
func Element(body []byte, path string) string {
	if found := elements(body, path, 1); len(found) > 0 {
		return found[0]
	}
	return ""
}

// Elements are the texts of the elements at path, in the order in which they
// begin: of the first 10,000.
func Elements(body []byte, path string) []string { return elements(body, path, maxElements) }

func elements(body []byte, path string, limit int) []string {
	if last := path[strings.LastIndexByte(path, '/')+1:]; !bytes.Contains(body, []byte(last)) {
		return nil // without reading all of it
	}
	r, err := newReader(body)
	if err != nil {
		return nil
	}
	h := &harvest{path: strings.Split(path, "/"), limit: limit}
	for !h.done() {
		token, err := r.next()
		if err != nil || token == nil {
			break
		}
		h.add(token, r.path)
	}
	return h.texts()
}

// A harvest gathers the texts of the elements at a path.
type harvest struct {
	path  []string
	limit int
	found []*element
	open  []*element // the found ones whose end is still to come
}

// An element is one at the path.
type element struct {
	depth int // how many are open with it
	text  []byte
	whole bool // its end was read
}

func (h *harvest) done() bool { return len(h.found) == h.limit && len(h.open) == 0 }

// add takes in the next token, after which the elements of path are open.
func (h *harvest) add(token xml.Token, path []xml.Name) {
	switch token := token.(type) {
	case xml.StartElement:
		if len(h.found) < h.limit && endsIn(path, h.path) {
			e := &element{depth: len(path)}
			h.found, h.open = append(h.found, e), append(h.open, e)
		}
	case xml.CharData:
		if e := h.innermost(); e != nil && e.depth == len(path) {
			e.text = append(e.text, token...)
		}
	case xml.EndElement:
		if e := h.innermost(); e != nil && e.depth > len(path) {
			e.whole, h.open = true, h.open[:len(h.open)-1]
		}
	}
}

func (h *harvest) innermost() *element {
	if len(h.open) == 0 {
		return nil
	}
	return h.open[len(h.open)-1]
}

func (h *harvest) texts() []string {
	var texts []string
	for _, e := range h.found {
		if e.whole {
			texts = append(texts, string(e.text))
		}
	}
	return texts
}

// endsIn tells whether the last of path have the local names of end.
func endsIn(path []xml.Name, end []string) bool {
	return len(path) >= len(end) &&
		slices.EqualFunc(path[len(path)-len(end):], end, func(n xml.Name, local string) bool { return n.Local == local })
}

// A reader reads the tokens of a message. It knows the five predefined entities
// and refuses what no message has: a document type, or depth without end.
type reader struct {
	tokens *xml.Decoder
	path   []xml.Name // the elements that are open
}

func newReader(body []byte) (*reader, error) {
	if len(body) > maxMessage {
		return nil, fmt.Errorf("%d bytes, more than a message has", len(body))
	}
	return &reader{tokens: xml.NewDecoder(bytes.NewReader(body))}, nil
}

// next is the next token, or nil at the end of the message. It holds until the
// next call.
func (r *reader) next() (xml.Token, error) {
	token, err := r.tokens.Token()
	if err == io.EOF {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case xml.Directive:
		return nil, fmt.Errorf("a declaration %.40q, which no SOAP message has", token)
	case xml.StartElement:
		if len(r.path) == maxDepth {
			return nil, errors.New("elements deeper than those of a message")
		}
		r.path = append(r.path, token.Name)
	case xml.EndElement:
		r.path = r.path[:len(r.path)-1]
	}
	return token, nil
}
