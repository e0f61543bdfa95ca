package wusp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
)

func TestContent(t *testing.T) {
	c := NewContent(100_003, "0A1B2C3D", ".cab")
	back, ok := ParseContent(strings.ToLower(c.Path()))
	if !ok || back.Name != c.Name || back.Size != c.Size {
		t.Fatalf("ParseContent(%q) = %+v, %v; want %+v", c.Path(), back, ok, c)
	}
	whole, err := io.ReadAll(c.Reader())
	if err != nil || len(whole) != 100_003 {
		t.Fatalf("read %d bytes, %v", len(whole), err)
	}
	seen := map[string]bool{}
	for i := 0; i+16 <= len(whole); i += 16 {
		if block := string(whole[i : i+16]); seen[block] {
			t.Fatalf("the block at %d occurs twice", i)
		} else {
			seen[block] = true
		}
	}
	for _, off := range []int64{0, 1, 15, 16, 17, 4095, 99_990} {
		part := make([]byte, 100)
		n, _ := c.ReadAt(part, off)
		if !bytes.Equal(part[:n], whole[off:min(off+100, c.Size)]) {
			t.Errorf("100 bytes at %d are not those of the whole", off)
		}
	}
	if other, _ := io.ReadAll(NewContent(1000, "0A1B2C3D", ".cab").Reader()); bytes.Equal(other, whole[:1000]) {
		t.Error("two names give the same bytes")
	}
	for _, path := range []string{"/Content/00/" + c.Name + ".cab", "/Content/../" + c.Name + ".cab", "/Content/", c.Path() + "/"} {
		if _, ok := ParseContent(path); ok && !strings.HasPrefix(path, "/Content/"+c.Name[38:]+"/") {
			t.Errorf("there is content at %q", path)
		}
	}
}

func TestCabinet(t *testing.T) {
	cab := Cabinet("a.txt", []byte("hello"))
	// Laid out by hand from [MS-CAB] 2: header, folder, file and data records.
	want := "4d534346 00000000 4f000000 00000000 2c000000 00000000 0301 0100 0100 0000 0000 0000" +
		"42000000 0100 0000" + "05000000 00000000 0000 215a 0000 2000 612e747874 00"
	b, err := hex.DecodeString(strings.ReplaceAll(want, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(cab, b) || !bytes.HasSuffix(cab, []byte("\x05\x00\x05\x00hello")) {
		t.Errorf("Cabinet is\n%x, want\n%x, a checksum, two lengths and the data", cab, b)
	}
	// "hell" ^ "o" ^ the two lengths, by hand: 6c6c6568 ^ 6f ^ 00050005.
	if sum := binary.LittleEndian.Uint32(cab[len(b):]); sum != 0x6c696502 {
		t.Errorf("the checksum is %#x", sum)
	}
	if err := CheckCabinet([]byte("<html><body>"), 12); err == nil {
		t.Error("a page passes for a cabinet")
	}
}

// The examples of [MS-XCA] 3.1 for plain LZ77.
func TestDecodeXpress(t *testing.T) {
	for _, tt := range []struct{ coded, plain string }{
		{"3f000000" + hex.EncodeToString([]byte("abcdefghijklmnopqrstuvwxyz")), "abcdefghijklmnopqrstuvwxyz"},
		{"ffffff1f61626317000fff2601", strings.Repeat("abc", 100)},
	} {
		b, _ := hex.DecodeString(tt.coded)
		head := binary.LittleEndian.AppendUint32(nil, uint32(len(tt.plain)))
		head = binary.LittleEndian.AppendUint32(head, uint32(len(b)))
		got, err := DecodeXpress(append(head, b...), 1<<20)
		if err != nil || string(got) != tt.plain {
			t.Errorf("DecodeXpress(%s) = %q, %v; want %q", tt.coded, got, err, tt.plain)
		}
	}
	if got, err := DecodeXpress([]byte("\x02\x00\x00\x00\x02\x00\x00\x00ab"), 2); err != nil || string(got) != "ab" {
		t.Errorf("a stored block gives %q, %v", got, err)
	}
	if _, err := DecodeXpress([]byte("\x02\x00\x00\x00\x02\x00\x00\x00ab"), 1); err == nil {
		t.Error("more than the limit is decoded")
	}
}

// What is decoded keeps to its limit, whatever the coded form claims.
func FuzzDecodeXpress(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00\x02\x00\x00\x00ab"))
	b, _ := hex.DecodeString("2c0100000d000000ffffff1f61626317000fff2601")
	f.Add(b)
	f.Fuzz(func(t *testing.T, coded []byte) {
		const limit = 1 << 17
		plain, err := DecodeXpress(coded, limit)
		if len(plain) > limit {
			t.Errorf("%d bytes came of a limit of %d", len(plain), limit)
		}
		if err == nil && len(coded) > 0 {
			// A stored form of the same text decodes to the same text.
			stored := []byte{}
			for rest := plain; len(rest) > 0; {
				n := min(len(rest), 16352)
				stored = binary.LittleEndian.AppendUint32(stored, uint32(n))
				stored = append(binary.LittleEndian.AppendUint32(stored, uint32(n)), rest[:n]...)
				rest = rest[n:]
			}
			if again, err := DecodeXpress(stored, limit); err != nil || !bytes.Equal(again, plain) {
				t.Errorf("stored, it decodes to something else (%v)", err)
			}
		}
	})
}

// contentPath is the form of the path of a file.
var contentPath = regexp.MustCompile(`^/[Cc][Oo][Nn][Tt][Ee][Nn][Tt]/([0-9A-Fa-f]{2})/([0-9A-Fa-f]{12})[0-9A-Fa-f]{26}([0-9A-Fa-f]{2})\.[A-Za-z0-9]{1,5}$`)

// What has the form of a path is content, leads back to itself, and has the size
// in its name. Nothing else is content.
func FuzzParseContent(f *testing.F) {
	path := NewContent(MaxContent, "0A1B2C3D", ".cab").Path()
	for _, seed := range []string{path, strings.ToLower(path), path + "abc", path[:len(path)-4], path[:len(path)-3], path[:len(path)-4] + ".\u017f",
		"/Content/../x.cab", "/Content/C1" + path[len("/Content/C0"):], strings.Replace(path, "/C0/", "/C0x", 1), strings.Replace(path, "F", "G", 1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		c, ok := ParseContent(path)
		m := contentPath.FindStringSubmatch(path)
		if want := m != nil && strings.EqualFold(m[1], m[3]); ok != want {
			t.Fatalf("ParseContent(%q) = %+v, %v; want %v", path, c, ok, want)
		}
		if ok && (!strings.EqualFold(c.Path(), path) || !strings.EqualFold(m[2], fmt.Sprintf("%012x", c.Size)) || c.Size > MaxContent) {
			t.Errorf("%q is %+v, at %q", path, c, c.Path())
		}
	})
}
