package wusp

import (
	"bytes"
	"crypto/sha1"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// unhex is the bytes of s, in which spaces group.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// signedCabinet is how a cabinet of Microsoft's began that a client of 2009
// fetched (the capture of wire.md 1.6): 32690 bytes, compressed with LZX, and a
// signature of 6928 behind them.
const signedCabinet = "4d534346 00000000 b27f0000 00000000 44000000 00000000 03010100 17000400 00000000" +
	"14000000 00001000 b27f0000 101b0000 00000000 00000000" + // what is set aside: where the signature is
	"38070000 08000315" + // the folder
	"760a0000 00000000 00008b3a 331a2000 75706461 74652e6d 756d00" + // two of 23 files
	"89240000 760a0000 00008b3a 321a2000 75706461 74652e63 617400"

func TestCheckCabinet(t *testing.T) {
	ours := Cabinet("a.txt", []byte("hello"))
	change := func(b []byte, at int, to ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], to)
		return b
	}
	signed := unhex(t, signedCabinet)
	for _, tt := range []struct {
		name   string
		start  []byte
		length int
		want   string // in the error; "" for none
	}{
		{"ours", ours, len(ours), ""},
		{"ours without data", Cabinet("a.txt", nil), len(Cabinet("a.txt", nil)), ""},
		{"ours with a block that is full", Cabinet("a.txt", make([]byte, 32<<10)), len(ours) - 5 + 32<<10, ""},
		{"its header alone", ours[:36], len(ours), ""},
		{"a part of its data", ours[:len(ours)-2], len(ours), ""},
		{"with a signature behind it", append(bytes.Clone(ours), "signature"...), len(ours) + 9, ""},
		{"without a checksum", change(ours, len(ours)-13, 0, 0, 0, 0), len(ours), ""},
		{"Microsoft's", signed, 39618, ""},
		{"Microsoft's without its signature", signed, 32690, ""},

		{"a page", []byte("<html><body>blocked</body></html> and some more"), 47, "does not begin with MSCF"},
		{"the start of a page", []byte("<h"), 47, "does not begin with MSCF"},
		{"nothing", nil, 0, "less than the header"},
		{"too little to tell", ours[:20], len(ours), "cannot be told"},
		{"a length that is too small", ours, len(ours) - 1, "cannot be told"},
		{"cut", ours[:len(ours)-1], len(ours) - 1, "states 79 bytes as a cabinet, and has 78"},
		{"Microsoft's, cut", signed, 32689, "states 32690 bytes"},
		{"no zeros", change(ours, 12, 1), len(ours), "where a cabinet has zeros"},
		{"version 1.4", change(ours, 24, 4), len(ours), "version 1.4"},
		{"no folder", change(ours, 26, 0), len(ours), "0 folders and 1 files"},
		{"no file", change(ours, 28, 0), len(ours), "1 folders and 0 files"},
		{"an unknown flag", change(ours, 30, 8), len(ours), "unknown flags 0x8"},
		{"much set aside", change(signed, 36, 0xFF, 0xFF), 39618, "sets 65535 bytes aside"},
		{"more set aside than there is", change(ours, 30, 4), len(ours), "ends behind its"},
		{"a neighbour without a name", change(ours, 30, 1), len(ours), "has a"},
		{"files in the header", change(ours, 16, 43), len(ours), "table of files at 43"},
		{"files behind the end", change(ours, 16, 83), len(ours), "ends behind its 79 bytes"},
		{"an unknown compression", change(ours, 42, 4), len(ours), "unknown compression 0x4"},
		{"a window of LZX that is too big", change(signed, 67, 0x16), 39618, "unknown compression 0x1603"},
		{"more blocks than there is room for", change(ours, 40, 0xFF), len(ours), "255 blocks"},
		{"data in the tables", change(ours, 36, 60), len(ours), "inside its tables"},
		{"a file in no folder", change(ours, 52, 1), len(ours), "folder 1 of 1"},
		{"a file from a cabinet before", change(ours, 52, 0xFD, 0xFF), len(ours), "folder 65533 of 1"},
		{"a file that is too long", change(ours, 44, 6), len(ours), "files of 6 bytes in a folder of 5"},
		{"a file far too long", change(ours, 46, 1), len(ours), "ends at 65541 in a folder of 1 blocks"},
		{"a block that is longer than it was", change(ours, len(ours)-9, 6, 0, 6, 0), len(ours), "ends behind"},
		{"a block of two lengths", change(ours, len(ours)-7, 4), len(ours), "5 bytes that stand for 4"},
		{"another byte", change(ours, len(ours)-1, 'O'), len(ours), "whose checksum is"},
	} {
		err := CheckCabinet(tt.start, int64(tt.length))
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// A cabinet whose folders all point at the same blocks is refused at once.
func TestCheckCabinetOverlap(t *testing.T) {
	const folders, blocks = 5000, 5000
	le := binary.LittleEndian
	b := make([]byte, cabHeader, 1<<20)
	copy(b, cabSignature)
	filesAt := uint32(cabHeader + folders*cabFolder)
	dataAt := filesAt + cabFile + 2
	le.PutUint32(b[16:], filesAt)
	b[24], b[25] = 3, 1
	le.PutUint16(b[26:], folders)
	le.PutUint16(b[28:], 1)
	for range folders {
		b = le.AppendUint32(b, dataAt)
		b = le.AppendUint32(b, blocks)
	}
	b = append(b, make([]byte, cabFile)...)
	b = append(b, 'a', 0)
	b = append(b, make([]byte, blocks*cabData)...)
	le.PutUint32(b[8:], uint32(len(b)))
	if err := CheckCabinet(b, int64(len(b))); err == nil || !strings.Contains(err.Error(), "overlaps others") {
		t.Errorf("CheckCabinet = %v, want an overlap", err)
	}
}

// A cabinet of ours passes, whole and cut off where it is read. With one byte
// changed it never leads outside what is there, and where the signature, the
// size or the checksum covers that byte, the change shows.
func FuzzCheckCabinet(f *testing.F) {
	f.Add("a.txt", []byte("hello"), uint16(80), byte(1), uint16(40))
	f.Add("", []byte(nil), uint16(16), byte(0xFF), uint16(0))
	f.Add("wuredir.xml", bytes.Repeat([]byte("x"), 1000), uint16(9), byte(0x80), uint16(500))
	f.Fuzz(func(t *testing.T, name string, data []byte, at uint16, change byte, cut uint16) {
		if len(name) >= cabMaxName || strings.ContainsRune(name, 0) || len(data) > cabMaxPlain {
			return
		}
		cab := Cabinet(name, data)
		length := int64(len(cab))
		start := cab[:max(cabHeader, int(cut)%(len(cab)+1))]
		if err := CheckCabinet(start, length); err != nil {
			t.Fatalf("%d of %d bytes of a cabinet of ours: %v", len(start), length, err)
		}
		if change == 0 {
			return
		}
		block := len(cab) - len(data) - cabData
		sum := cab[block : block+4]
		i := int(at) % len(cab)
		covered := i < 16 || i >= 24 && i < 26 || i >= block+4 && !bytes.Equal(sum, make([]byte, 4))
		cab[i] ^= change
		if err := CheckCabinet(cab, length); covered && err == nil {
			t.Errorf("byte %d of %d is changed by %#x, and it passes", i, length, change)
		}
		CheckCabinet(cab[:min(len(cab), max(cabHeader, int(cut)))], length) // stays inside
	})
}

// Whatever comes, it is judged without a look outside it.
func FuzzCheckCabinetBytes(f *testing.F) {
	f.Add(Cabinet("a.txt", []byte("hello")), uint32(5))
	f.Add(unhex(f, signedCabinet), uint32(39618))
	f.Fuzz(func(t *testing.T, start []byte, more uint32) {
		length := int64(len(start)) + int64(more)
		err := CheckCabinet(start, length)
		if err != nil {
			return
		}
		stated := int64(binary.LittleEndian.Uint32(start[8:])) // [MS-CAB] 2.1
		if string(start[:4]) != "MSCF" || stated > length || stated < cabHeader {
			t.Errorf("%x of %d bytes passes, and states %d", start, length, stated)
		}
	})
}

func TestStream(t *testing.T) {
	const size = 5<<30 + 7
	s := NewStream(size, "0A1B2C3D")
	if !regexp.MustCompile(`^0a1b2c3d-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-000140000007$`).MatchString(s.GUID) {
		t.Errorf("the GUID is %q", s.GUID)
	}
	// wire.md 4.1, with the escapes of 4.3.
	target := regexp.MustCompile(`^/filestreamingservice/files/` + s.GUID + `\?P1=([0-9]{10})&P2=404&P3=2&P4=((?:[A-Za-z0-9]|%2b|%2f|%3d)+)$`)
	m := target.FindStringSubmatch(s.Target())
	if m == nil {
		t.Fatalf("the target is %q", s.Target())
	}
	for _, escape := range []string{"%2b", "%2f", "%3d"} {
		if !strings.Contains(m[2], escape) {
			t.Errorf("the signature %q has no %s", m[2], escape)
		}
	}
	text, err := url.PathUnescape(m[2])
	if signature, decode := base64.StdEncoding.DecodeString(text); err != nil || decode != nil || len(signature) != 256 {
		t.Errorf("the signature has %d bytes, %v %v", len(signature), err, decode)
	}
	if left := time.Until(time.Unix(s.Expires, 0)); left < time.Hour || left > 24*time.Hour {
		t.Errorf("the address holds for %v", left)
	}
	if back, ok := ParseStream(s.Target()); !ok || back != s {
		t.Errorf("ParseStream = %+v, %v; want %+v", back, ok, s)
	}
	if want := "/filestreamingservice//files/" + s.GUID + "/pieceshash"; s.HashesTarget() != want {
		t.Errorf("the target of the hashes is %q, want %q", s.HashesTarget(), want)
	}
	if back, ok := ParseHashes(s.HashesTarget()); !ok || back.GUID != s.GUID || back.Size != size {
		t.Errorf("ParseHashes = %+v, %v", back, ok)
	}
	if other := NewStream(size, "0A1B2C3D"); other.GUID == s.GUID {
		t.Error("two streams have one name")
	}
}

// What a proxy does to an address shows: some targets still name the stream,
// and some nothing.
func TestParseStreamAltered(t *testing.T) {
	s := NewStream(1000, "0A1B2C3D")
	target := s.Target()
	path, query, _ := strings.Cut(target, "?")
	upper := strings.NewReplacer("%2b", "%2B", "%2f", "%2F", "%3d", "%3D").Replace
	for _, tt := range []struct {
		name, target string
		names        bool // the stream
	}{
		{"without its query", path, true},
		{"with an empty query", path + "?", true},
		{"with escapes in upper case", upper(target), true},
		{"without escapes", strings.ReplaceAll(target, "%3d", "="), true},
		{"with a space for a plus", strings.ReplaceAll(target, "%2b", "+"), true},
		{"sorted the other way", path + "?" + query[strings.Index(query, "P2"):] + "&" + query[:strings.Index(query, "&P2")], true},
		{"with one field more", target + "&x=1", true},
		{"with another time", strings.Replace(target, "P1=1", "P1=2", 1), true},
		{"with a zero in front of the time", strings.Replace(target, "P1=", "P1=0", 1), true},
		{"with a sign in front of the time", strings.Replace(target, "P1=", "P1=+", 1), true},
		{"with two slashes", strings.Replace(target, "e/f", "e//f", 1), false},
		{"in upper case", strings.Replace(target, s.GUID, strings.ToUpper(s.GUID), 1), false},
		{"with an escaped name", strings.Replace(target, "-", "%2d", 1), false},
		{"with a slash at its end", strings.Replace(target, "?", "/?", 1), false},
		{"in absolute form", "http://wsus.test:8530" + target, false},
		{"the hashes", s.HashesTarget(), false},
	} {
		if got, ok := ParseStream(tt.target); ok || (got.GUID == s.GUID) != tt.names {
			t.Errorf("%s: ParseStream(%q) = %+v, %v", tt.name, tt.target, got, ok)
		}
	}
	for _, hashes := range []string{strings.Replace(s.HashesTarget(), "//", "/", 1), s.HashesTarget() + "?", strings.ToUpper(s.HashesTarget()), target, "/pieceshash"} {
		if got, ok := ParseHashes(hashes); ok {
			t.Errorf("ParseHashes(%q) = %+v", hashes, got)
		}
	}
}

// A target that is a stream leads back to itself.
func FuzzParseStream(f *testing.F) {
	s := NewStream(5, "0A1B2C3D")
	f.Add(s.Target())
	f.Add(s.HashesTarget())
	f.Add(Stream{GUID: s.GUID}.Target())
	f.Add("/filestreamingservice/files/?P1=1")
	f.Fuzz(func(t *testing.T, target string) {
		s, ok := ParseStream(target)
		if ok && (s.Target() != target || s.Size < 0 || s.Size > MaxContent || s.Expires < 0) {
			t.Errorf("%q is %+v, at %q", target, s, s.Target())
		}
		if !ok && s.GUID != "" && (s.Expires != 0 || !strings.HasPrefix(target, streamFolder+s.GUID)) {
			t.Errorf("%q names %+v", target, s)
		}
		if s, ok := ParseHashes(target); ok && s.HashesTarget() != target {
			t.Errorf("%q is the hashes of %+v, at %q", target, s, s.HashesTarget())
		}
	})
}

// Both kinds of file are far longer than memory, and any of their bytes is at
// hand.
func TestGenerated(t *testing.T) {
	const size = 5<<30 + 7
	content, stream := NewContent(size, "0A1B2C3D", ".psf"), NewStream(size, "0A1B2C3D")
	for name, file := range map[string]io.ReaderAt{"content": content, "stream": stream} {
		const from = 4<<30 + 1000
		around, part := make([]byte, 4096), make([]byte, 100)
		if n, err := file.ReadAt(around, from-1000); n != len(around) || err != nil {
			t.Fatalf("%s: read %d bytes, %v", name, n, err)
		}
		if n, err := file.ReadAt(part, from); n != len(part) || err != nil || !bytes.Equal(part, around[1000:1100]) {
			t.Errorf("%s: 100 bytes inside are not those around them: %d, %v", name, n, err)
		}
		if n, err := file.ReadAt(part, size-1); n != 1 || err != io.EOF {
			t.Errorf("%s: the last byte is read as %d, %v", name, n, err)
		}
		if n, err := file.ReadAt(part, size); n != 0 || err != io.EOF {
			t.Errorf("%s: behind the end %d bytes are read, %v", name, n, err)
		}
	}
	if content.Reader().Size() != size || stream.Reader().Size() != size {
		t.Error("a reader is not as long as its file")
	}
	if tag := stream.ETag(); !regexp.MustCompile(`^"[^"]+"$`).MatchString(tag) || tag != stream.ETag() {
		t.Errorf("the entity tag is %s", tag)
	}
}

// The request is built here from RFC 6960 4.1.1, and in OCSPTarget it was
// written down.
func TestOCSPTarget(t *testing.T) {
	sum := func(s string) []byte { b := sha1.Sum([]byte(s)); return b[:] }
	tlv := func(tag byte, parts ...[]byte) []byte {
		body := bytes.Join(parts, nil)
		return append([]byte{tag, byte(len(body))}, body...)
	}
	id := tlv(0x30, unhex(t, "3009 0605 2b0e03021a 0500"), // SHA-1
		tlv(4, sum("proxycheck issuer")), tlv(4, sum("proxycheck key")), tlv(2, sum("proxycheck serial 0")[:16]))
	request := tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30, id))))
	text := strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(base64.StdEncoding.EncodeToString(request))
	if want := "/" + text; OCSPTarget != want {
		t.Errorf("OCSPTarget is\n%s, want\n%s", OCSPTarget, want)
	}
	for _, part := range []string{"/MFEwTzBN", "%2B", "%2F", "%3D"} { // wire.md 5.5
		if !strings.Contains(OCSPTarget, part) {
			t.Errorf("OCSPTarget has no %s", part)
		}
	}
}

// goodOCSP is a response laid out by hand from RFC 6960 4.2.1: the status
// successful, the type basic, and in it an empty body, an algorithm and a
// signature of one byte.
const goodOCSP = "3021 0a0100 a01c 301a 0609 2b0601050507300101 040d 300b 3000 3003 060155 0302 00aa"

func TestCheckOCSP(t *testing.T) {
	good := strings.ReplaceAll(goodOCSP, " ", "")
	for _, tt := range []struct{ name, der, want string }{
		{"good", good, ""},
		{"nothing", "", "is not an OCSP response"},
		{"a page", hex.EncodeToString([]byte("<html><body>blocked</body></html>")), "is not an OCSP response"},
		{"cut", good[:len(good)-2], "is not an OCSP response"},
		{"with more behind it", good + "00", "1 bytes are left over"},
		{"unauthorized", "30030a0106", "without an answer: unauthorized"},
		{"malformedRequest", "30030a0101", "without an answer: malformedRequest"},
		{"of a status that there is not", "30030a0104", "unknown status 4"},
		{"successful without an answer", "30030a0100", "not the basic one"},
		{"of another type", strings.Replace(good, "300101", "300102", 1), "not the basic one"},
		{"whose answer is none", strings.Replace(good, "040d300b", "040d310b", 1), "answer cannot be read"},
		{"whose answer is not signed", strings.Replace(good, "0302", "0402", 1), "answer cannot be read"},
		{"whose body is no sequence", strings.Replace(good, "300b3000", "300b0500", 1), "in place of a sequence"},
	} {
		err := CheckOCSP(unhex(t, tt.der))
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// A body that passes is one DER value of exactly its length, with the type of a
// basic response in it.
func FuzzCheckOCSP(f *testing.F) {
	f.Add(unhex(f, goodOCSP))
	f.Add(unhex(f, "30030a0106"))
	f.Fuzz(func(t *testing.T, der []byte) {
		if CheckOCSP(der) != nil {
			return
		}
		var v asn1.RawValue
		if rest, err := asn1.Unmarshal(der, &v); err != nil || len(rest) > 0 || !bytes.Contains(der, unhex(t, "2b0601050507300101")) {
			t.Errorf("%x passes: %v", der, err)
		}
	})
}
