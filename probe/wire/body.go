package wire

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"time"
)

// ExcerptLimit is the most of a body that is kept, in bytes.
const ExcerptLimit = 64 << 10

// A Body is what is known of the body of an answer.
type Body struct {
	Framing   Framing
	Lengths   []string // the values of Content-Length, as they stand
	Stated    int64    // the length that the head states; -1 when it states none
	Length    int64    // bytes that came
	SHA256    [32]byte // of the bytes that came
	CRC32C    uint32   // of the same (RFC 3720, 12.1)
	Excerpt   []byte   // the first of them, at most ExcerptLimit
	Abandoned bool     // there was more than the request's limit, and it was left
	Left      bool     // as much came as the request wanted, and we hung up
	Slowest   float64  // the smallest rate that was kept up over 2 s, in bytes a second; of a shorter body, the mean

	invalid error // the head states a length that is none (RFC 9112, 6.3)
}

// Castagnoli is the table of CRC32C (RFC 3720, 12.1), which processors know.
var Castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Framing is how the end of a body is known.
type Framing string

// How the end of a body is known (RFC 9112, 6.3).
const (
	NoBody   Framing = "none"
	ByLength Framing = "length"
	Chunked  Framing = "chunked"
	ByClose  Framing = "close"
)

// frame tells how the body of the answer h to method ends.
func frame(h Head, method string) Body {
	b := Body{Framing: ByClose, Lengths: h.All("Content-Length"), Stated: -1}
	if len(b.Lengths) > 0 {
		first, _, _ := strings.Cut(b.Lengths[0], ",")
		n, err := strconv.ParseUint(strings.TrimSpace(first), 10, 63)
		if b.Stated, b.Framing = int64(n), ByLength; err != nil {
			b.Stated, b.invalid = -1, fmt.Errorf("in Content-Length: %.40q: %w", b.Lengths[0], errGarbled)
		}
	}
	if codings := strings.Join(h.All("Transfer-Encoding"), ","); codings != "" {
		b.Framing = ByClose
		last := codings[strings.LastIndexByte(codings, ',')+1:]
		if strings.EqualFold(strings.TrimSpace(last), "chunked") {
			b.Framing = Chunked
		}
	}
	status := h.Status()
	if method == "HEAD" || method == "CONNECT" && status/100 == 2 || status/100 == 1 || status == 204 || status == 304 {
		b.Framing = NoBody
	}
	return b
}

// read takes b from br until it ends, it has come as far as leave or it has gone
// beyond limit; 0 is none for either. What came is in b also when the rest did
// not.
func (b *Body) read(br *bufio.Reader, limit, leave int64, shown io.Writer) error {
	digest, pace := sha256.New(), newRate(time.Now())
	defer func() {
		digest.Sum(b.SHA256[:0])
		b.Slowest = pace.slowest(time.Now())
	}()
	if b.invalid != nil && b.Framing == ByLength {
		return b.invalid
	}
	content, buf := b.content(br), make([]byte, b.step())
	for {
		n, err := content.Read(buf[:b.most(int64(len(buf)), limit, leave)])
		pace.add(int64(n), time.Now())
		b.Length += int64(n)
		b.Excerpt = append(b.Excerpt, buf[:min(n, ExcerptLimit-len(b.Excerpt))]...)
		digest.Write(buf[:n])
		b.CRC32C = crc32.Update(b.CRC32C, Castagnoli, buf[:n])
		shown.Write(buf[:n])
		switch {
		case leave > 0 && b.Length == leave:
			b.Left = true
			return nil
		case err == io.EOF:
			return b.end(br)
		case err != nil:
			return err
		case limit > 0 && b.Length > limit:
			b.Abandoned = true
			return nil
		}
	}
}

// most is how much of the next step may be read, in bytes.
func (b *Body) most(step, limit, leave int64) int64 {
	if limit > 0 && limit-b.Length < step { // a byte more than the limit shows that there is more
		step = limit - b.Length + 1
	}
	if leave > 0 {
		step = min(step, leave-b.Length)
	}
	return step
}

// step is how much of b is read at once, in bytes.
func (b *Body) step() int64 {
	const most = 32 << 10
	switch b.Framing {
	case NoBody:
		return 1
	case ByLength:
		return min(b.Stated, most) + 1
	}
	return most
}

// content is what there is to read of b.
func (b *Body) content(br *bufio.Reader) io.Reader {
	switch b.Framing {
	case NoBody:
		return strings.NewReader("")
	case ByLength:
		return io.LimitReader(br, b.Stated)
	case Chunked:
		return &chunks{br: br}
	}
	return br
}

// end settles whether b ended where it should.
func (b *Body) end(br *bufio.Reader) error {
	switch b.Framing {
	case ByLength:
		if b.Length < b.Stated {
			return fmt.Errorf("%d of %d bytes came: %w", b.Length, b.Stated, io.ErrUnexpectedEOF)
		}
	case Chunked:
		return skipTrailer(br)
	}
	return nil
}

// Chunks are the content of a chunked body (RFC 9112, 7.1), read leniently: a
// line may end in LF alone, and have blanks before an extension.
type chunks struct {
	br    *bufio.Reader
	left  int64 // of the chunk
	begun bool
}

func (c *chunks) Read(p []byte) (int, error) {
	if c.left == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n, err := c.br.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// next reads up to the content of the next chunk. The last one has none: its
// error is [io.EOF].
func (c *chunks) next() error {
	if c.begun {
		end, err := readLine(c.br, 2)
		if errors.Is(err, errTooLarge) || err == nil && strings.Trim(string(end), "\r\n") != "" {
			return fmt.Errorf("behind a chunk: %w", errGarbled)
		}
		if err != nil {
			return err
		}
	}
	c.begun = true
	line, err := readLine(c.br, 4<<10)
	if err != nil {
		return err
	}
	digits, _, _ := strings.Cut(string(line), ";")
	if c.left, err = strconv.ParseInt(strings.TrimSpace(digits), 16, 64); err != nil || c.left < 0 {
		return fmt.Errorf("in the size of a chunk %.20q: %w", digits, errGarbled)
	}
	if c.left == 0 {
		return io.EOF
	}
	return nil
}

// skipTrailer reads the lines behind the last chunk.
func skipTrailer(br *bufio.Reader) error {
	for left := HeadLimit; ; {
		line, err := readLine(br, left)
		if err != nil {
			return err
		}
		if left -= len(line); strings.TrimRight(string(line), "\r\n") == "" {
			return nil
		}
	}
}

// trickleRate is what a body must keep up, in bytes a second: below it, over a
// third longer than the time-out, it only trickles. The open-source client of
// Delivery Optimization gives up below 4 KB/s over 20 s.
const trickleRate = 4 << 10

// trickled tells whether n bytes in took are a trickle.
func trickled(n int64, took, timeout time.Duration) bool {
	return took > timeout*4/3 && float64(n) < trickleRate*took.Seconds()
}
