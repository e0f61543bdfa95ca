package wsus_test

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// A recorded exchange is a file of testdata/wusp: the request of a native client,
// and what of the answer is known. It begins with a line that says where that is
// from. In the request, {name/path} stands for an element of the answer to
// the file of that name, {now} for the time and {length} for that of the body. The
// fields of the answer are all that it may have, * being any value. Its body is
// the tree of its elements in their order: behind a name, ? says that it may be
// absent, + that it comes once or more, * that it comes as often as it likes, {n}
// that it comes n times; behind = stands a regular expression of its text.
type recorded struct {
	name           string // of the file, without its number
	head, body     string
	status         string
	fields, shapes []string
}

func readRecorded(t *testing.T) (exchanges []recorded) {
	t.Helper()
	files, err := filepath.Glob("../../testdata/wusp/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no exchanges: %v", err)
	}
	for _, file := range files { // in the order of their numbers
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source, rest, _ := strings.Cut(string(text), "\n")
		request, answer, ok := strings.Cut(rest, "\n-- answer --\n")
		if !strings.HasPrefix(source, "# wire.md ") || !ok {
			t.Fatalf("%s is no exchange", file)
		}
		_, name, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".txt"), "-")
		x := recorded{name: name}
		x.head, x.body, _ = strings.Cut(request, "\n\n")
		head, tree, _ := strings.Cut(answer, "\n\n")
		x.fields = strings.Split(head, "\n")
		x.status, x.fields = x.fields[0], x.fields[1:]
		x.shapes = strings.Split(strings.TrimSpace(tree), "\n")
		exchanges = append(exchanges, x)
	}
	return exchanges
}

var blank = regexp.MustCompile(`\{([a-z-]+)(?:/([A-Za-z/]+))?\}`)

// request is the request with its blanks filled in.
func (x recorded) request(t *testing.T, answers map[string][]byte) string {
	fill := func(text, length string) string {
		return blank.ReplaceAllStringFunc(text, func(b string) string {
			m := blank.FindStringSubmatch(b)
			switch {
			case m[1] == "now":
				return time.Now().UTC().Format("2006-01-02T15:04:05Z")
			case m[1] == "length":
				return length
			}
			value := wusp.Element(answers[m[1]], m[2])
			if value == "" {
				t.Fatalf("%s: no answer for %s", x.name, b)
			}
			return wusp.Escape(value)
		})
	}
	body := fill(x.body, "")
	return strings.ReplaceAll(fill(x.head, strconv.Itoa(len(body))), "\n", "\r\n") + "\r\n\r\n" + body
}

// One scan as a native client makes it, over one connection (wire.md 3.1, 3.4).
func TestRecorded(t *testing.T) {
	server := httptest.NewServer(&wsus.Server{Size: 100_003})
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	in, answers := bufio.NewReader(conn), map[string][]byte{}
	for _, x := range readRecorded(t) {
		request := x.request(t, answers)
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		head, body := readRaw(t, in, x.name)
		x.checkHead(t, head)
		if strings.Contains(head, "\r\nContent-Encoding: xpress\r\n") {
			if body, err = wusp.DecodeXpress(body, 1<<20); err != nil {
				t.Fatalf("%s: %v", x.name, err)
			}
		}
		answers[x.name] = body
		if err := x.checkBody(body); err != nil {
			t.Errorf("%s: %v: %s", x.name, err, body)
		}
	}
}

// readRaw reads an answer with its head as it came.
func readRaw(t *testing.T, in *bufio.Reader, name string) (head string, body []byte) {
	t.Helper()
	for !strings.HasSuffix(head, "\r\n\r\n") {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		head += line
	}
	answer, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head)), nil)
	if err != nil || answer.ContentLength < 0 {
		t.Fatalf("%s: an answer without a length (%v): %s", name, err, head)
	}
	body = make([]byte, answer.ContentLength)
	if _, err := io.ReadFull(in, body); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return head, body
}

// checkHead holds a head against the fields that it must have, and no others.
// Their order is not checked: net/http sorts them.
func (x recorded) checkHead(t *testing.T, head string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(head, "\r\n\r\n"), "\r\n")
	if lines[0] != x.status {
		t.Errorf("%s: the status is %s", x.name, lines[0])
	}
	want := slices.Clone(x.fields)
	for _, line := range lines[1:] {
		name, _, _ := strings.Cut(line, ":")
		i := slices.IndexFunc(want, func(field string) bool { return field == line || field == name+": *" })
		if i < 0 {
			t.Errorf("%s: the answer has %q", x.name, line)
			continue
		}
		want = slices.Delete(want, i, i+1)
	}
	if len(want) > 0 {
		t.Errorf("%s: the answer has not %q", x.name, want)
	}
}

// checkBody holds a message against the tree of its elements.
func (x recorded) checkBody(body []byte) error {
	envelope, err := parseTree(body)
	if err != nil {
		return err
	}
	if len(envelope.children) != 1 || envelope.children[0].name.Local != "Body" {
		return errors.New("not an envelope of a body")
	}
	content := envelope.children[0].children
	action := regexp.MustCompile(`SOAPAction: "(.*)/\w+"`).FindStringSubmatch(x.head)
	if len(content) != 1 || content[0].name.Space != action[1] {
		return fmt.Errorf("not one element of %s", action[1])
	}
	shapes, rest := parseShapes(x.shapes, 0)
	if len(rest) > 0 {
		return fmt.Errorf("%q is no shape", rest[0])
	}
	return matches(shapes, content, action[1])
}

// A node is an element.
type node struct {
	name     xml.Name
	text     string
	children []*node
}

func parseTree(body []byte) (*node, error) {
	root := new(node)
	open := []*node{root}
	for tokens := xml.NewDecoder(bytes.NewReader(body)); ; {
		token, err := tokens.Token()
		if err == io.EOF {
			return root.children[0], nil
		}
		if err != nil {
			return nil, err
		}
		last := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{name: token.Name}
			last.children, open = append(last.children, n), append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			last.text += string(token)
		}
	}
}

// A shape is an element that there should be.
type shape struct {
	name     string
	min, max int
	text     *regexp.Regexp // nil for any
	children []shape
}

var shapeLine = regexp.MustCompile(`^( *)(\w+)([?+*]|\{\d+\})?(?: = (.*))?$`)

// parseShapes reads the shapes that stand at a depth, up to a line that stands
// less deep.
func parseShapes(lines []string, depth int) (shapes []shape, rest []string) {
	for len(lines) > 0 {
		m := shapeLine.FindStringSubmatch(lines[0])
		if m == nil || len(m[1]) < depth {
			break
		}
		s := shape{name: m[2]}
		switch m[3] {
		case "":
			s.min, s.max = 1, 1
		case "?":
			s.max = 1
		case "+":
			s.min, s.max = 1, 1<<30
		case "*":
			s.max = 1 << 30
		default:
			s.min, _ = strconv.Atoi(strings.Trim(m[3], "{}"))
			s.max = s.min
		}
		if m[4] != "" {
			s.text = regexp.MustCompile("(?s)^(?:" + m[4] + ")$")
		}
		s.children, lines = parseShapes(lines[1:], depth+2)
		shapes = append(shapes, s)
	}
	return shapes, lines
}

// matches holds elements against the shapes that they should have, in order.
func matches(shapes []shape, nodes []*node, namespace string) error {
	for _, s := range shapes {
		n := 0
		for ; n < s.max && len(nodes) > 0 && nodes[0].name == (xml.Name{Space: namespace, Local: s.name}); n++ {
			if s.text != nil && !s.text.MatchString(nodes[0].text) {
				return fmt.Errorf("%s is %q, want %s", s.name, nodes[0].text, s.text)
			}
			if len(s.children) > 0 || s.text == nil {
				if err := matches(s.children, nodes[0].children, namespace); err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
			}
			nodes = nodes[1:]
		}
		if n < s.min {
			return fmt.Errorf("%d of %s, want %d", n, s.name, s.min)
		}
	}
	if len(nodes) > 0 {
		return fmt.Errorf("%v is out of order, or unknown", nodes[0].name)
	}
	return nil
}

// The sizes of the requests (wire.md 3.5).
func TestRecordedSizes(t *testing.T) {
	exchanges := readRecorded(t)
	for _, tt := range []struct {
		name     string
		min, max int
	}{{"config", 234, 234}, {"sync", 2_200, 2_800}, {"sync-drivers", 48_000, 52_000}} {
		i := slices.IndexFunc(exchanges, func(x recorded) bool { return x.name == tt.name })
		if n := len(exchanges[i].body); n < tt.min || n > tt.max { // less what comes in place of the blanks
			t.Errorf("the body of %s has %d bytes, want %d to %d", tt.name, n, tt.min, tt.max)
		}
	}
}
