package wusp

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Stream is a generated file as Microsoft's content servers offer it to
// Delivery Optimization: named by a GUID, at an address that is signed and that
// holds for some hours (wire.md 4.1). It is as inert as [Content] is.
type Stream struct {
	GUID    string // in lower case; the first group is the run, the last one the size
	Size    int64  // in bytes
	Expires int64  // until when the address holds, in seconds since 1970: P1 of its query; 0 when unknown
}

// Where the streams stand. The double slash is real (wire.md 4.2).
const (
	streamFolder = "/filestreamingservice/files/"
	hashesFolder = "/filestreamingservice//files/"
	hashesName   = "/pieceshash"
)

const (
	streamLife    = 6 * time.Hour // of an address
	signatureSize = 256           // in bytes, of an RSA key of 2048 bits
)

// NewStream makes up a file that nobody has asked for before, of at most
// [MaxContent] bytes. Its GUID begins with run, eight hexadecimal digits. Its
// address has each of the escapes %2b, %2f and %3d in it, which proxies recode.
func NewStream(size int64, run string) Stream {
	for {
		var nonce [6]byte
		rand.Read(nonce[:])
		guid := fmt.Sprintf("%.8s-%x-%x-%x-%012x", run, nonce[:2], nonce[2:4], nonce[4:], size)
		s := Stream{GUID: strings.ToLower(guid), Size: size, Expires: time.Now().Add(streamLife).Unix()}
		if p4 := s.signature(); strings.Contains(p4, "%2b") && strings.Contains(p4, "%2f") {
			return s
		}
	}
}

// escapes are those of the signature, in the lower case of the captures.
var escapes = strings.NewReplacer("+", "%2b", "/", "%2f", "=", "%3d")

// signature is what P4 of the address says. It follows from the rest.
func (s Stream) signature() string {
	signature := make([]byte, signatureSize)
	generated{fmt.Sprintf("%s?P1=%d", s.GUID, s.Expires), signatureSize}.ReadAt(signature, 0)
	return escapes.Replace(base64.StdEncoding.EncodeToString(signature))
}

// Target is the request target of s (wire.md 4.1).
func (s Stream) Target() string {
	return fmt.Sprintf("%s%s?P1=%d&P2=404&P3=2&P4=%s", streamFolder, s.GUID, s.Expires, s.signature())
}

// HashesTarget is the request target of the hashes of the pieces of s, which
// is not signed (wire.md 4.2).
func (s Stream) HashesTarget() string { return hashesFolder + s.GUID + hashesName }

// ParseStream is the stream at a request target in origin form. It is there
// when the target is what [Stream.Target] gives, to the byte. When it is not
// there, a GUID says that the target names a stream, and that its query is
// missing or is not what was signed: a content server forbids that one, and
// does not find the others.
func ParseStream(requestURI string) (s Stream, ok bool) {
	path, query, _ := strings.Cut(requestURI, "?")
	guid, found := strings.CutPrefix(path, streamFolder)
	if s, ok = streamOf(guid); !found || !ok {
		return Stream{}, false
	}
	p1, _, _ := strings.Cut(strings.TrimPrefix(query, "P1="), "&")
	expires, err := strconv.ParseUint(p1, 10, 63)
	signed := Stream{GUID: s.GUID, Size: s.Size, Expires: int64(expires)}
	if err != nil || requestURI != signed.Target() {
		return s, false
	}
	return signed, true
}

// ParseHashes is the stream whose hashes are at a request target in origin
// form, or false when there are none.
func ParseHashes(requestURI string) (Stream, bool) {
	rest, folder := strings.CutPrefix(requestURI, hashesFolder)
	guid, name := strings.CutSuffix(rest, hashesName)
	if !folder || !name {
		return Stream{}, false
	}
	return streamOf(guid)
}

var streamGUID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-([0-9a-f]{12})$`)

// streamOf is the stream of that GUID, or false when it is none.
func streamOf(guid string) (Stream, bool) {
	m := streamGUID.FindStringSubmatch(guid)
	if m == nil {
		return Stream{}, false
	}
	size, err := strconv.ParseInt(m[2], 16, 64)
	return Stream{GUID: guid, Size: size}, err == nil
}

// ReadAt fills p with the bytes of s from off on, as [io.ReaderAt] does.
func (s Stream) ReadAt(p []byte, off int64) (int, error) {
	return generated{s.GUID, s.Size}.ReadAt(p, off)
}

// Reader reads s from its start.
func (s Stream) Reader() *io.SectionReader { return io.NewSectionReader(s, 0, s.Size) }

// ETag is the entity tag of s, in quotes as any.
func (s Stream) ETag() string {
	sum := sha256.Sum256([]byte(s.GUID))
	return `"` + base64.StdEncoding.EncodeToString(sum[:20]) + `"`
}
