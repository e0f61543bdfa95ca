package wusp

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// An Arrival is a request as it arrived at a fake WSUS, and what became of it
// up to the moment it is told of.
type Arrival struct {
	Number int64     `json:"n"`    // among the requests of the server, from 1
	At     time.Time `json:"at"`   // its head was complete, by the server's clock
	Conn   int64     `json:"conn"` // number of the connection that it came on, from 1
	From   string    `json:"from"` // host:port of whoever opened that
	To     string    `json:"to"`   // the address of the server that it came to
	TLS    bool      `json:"tls"`
	Head   []byte    `json:"head"`   // as it came, with the empty line at its end
	Body   int64     `json:"body"`   // bytes of its body
	SHA256 string    `json:"sha256"` // of those, in hexadecimal; "" when it was not read to its end
	Came   int64     `json:"came"`   // bytes of its body that came, read or not
	Client string    `json:"client"` // the SusClientId that its body names; "" for none
	Answer []byte    `json:"answer"` // the head of the answer as it was sent; nil for none
	Sent   int64     `json:"sent"`   // bytes behind that head
	CRC32C string    `json:"crc32c"` // of those, in hexadecimal; "" when that is not known
	Left   bool      `json:"left"`   // whoever sent it was gone before the answer had ended
	Done   bool      `json:"done"`   // nothing more will be sent
}

// WitnessPath begins the path at which a fake WSUS tells what arrived; what
// follows only its Hello says.
const WitnessPath = "/.proxycheck/witness/"

// A Testimony is what a fake WSUS tells of the requests that it received.
type Testimony struct {
	Now      time.Time `json:"now"`    // by its clock
	Lost     bool      `json:"lost"`   // there were more than it keeps or tells
	Others   int       `json:"others"` // requests of other clients in that time
	Arrivals []Arrival `json:"arrivals"`
}

// maxTestimony is the most that a testimony is unpacked to, in bytes.
const maxTestimony = 32 << 20

// Bounds of a testimony: more is no fake WSUS's.
const (
	MaxArrivals    = 4096
	MaxArrivalHead = 64 << 10 // bytes
)

// errTooMuch says that a testimony is beyond its bounds.
var errTooMuch = errors.New("it tells of more than there can be")

// errAltered says that a testimony is not what was sealed.
var errAltered = errors.New("it came altered")

// SealTestimony puts a digest in front of a testimony that is packed with gzip.
// It keeps no secret: it shows whether somebody on the way changed it.
func SealTestimony(packed []byte) []byte {
	sum := sha256.Sum256(packed)
	return append([]byte(hex.EncodeToString(sum[:])+"\n"), packed...)
}

// OpenTestimony reads what SealTestimony made. The error says in what way it is
// no testimony.
func OpenTestimony(sealed []byte) (*Testimony, error) {
	const digits = 2 * sha256.Size
	if len(sealed) <= digits || sealed[digits] != '\n' {
		return nil, errAltered
	}
	packed := sealed[digits+1:]
	if sum := sha256.Sum256(packed); hex.EncodeToString(sum[:]) != string(sealed[:digits]) {
		return nil, errAltered
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpacking it: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxTestimony))
	if err != nil {
		return nil, fmt.Errorf("unpacking it: %w", err)
	}
	t := new(Testimony)
	if err := json.Unmarshal(text, t); err != nil {
		return nil, fmt.Errorf("reading it: %w", err)
	}
	tooLong := func(a Arrival) bool { return len(a.Head) > MaxArrivalHead || len(a.Answer) > MaxArrivalHead }
	if len(t.Arrivals) > MaxArrivals || slices.ContainsFunc(t.Arrivals, tooLong) {
		return nil, errTooMuch
	}
	return t, nil
}
