package wusp

import (
	"encoding/binary"
	"errors"
)

var errXpress = errors.New("not in the xpress coding")

// maxXpressBlock is the most that one block holds (wire.md 3.7).
const maxXpressBlock = 65535

// DecodeXpress undoes the content coding xpress: blocks, each with the length
// of its plain and of its coded form in front, coded in plain LZ77 ([MS-XCA]
// 2.4) or, when the two lengths agree, not at all. The result has at most limit
// bytes.
func DecodeXpress(coded []byte, limit int) ([]byte, error) {
	var plain []byte
	for len(coded) > 0 {
		if len(coded) < 8 {
			return nil, errXpress
		}
		n, m := binary.LittleEndian.Uint32(coded), binary.LittleEndian.Uint32(coded[4:])
		coded = coded[8:]
		if n > maxXpressBlock || int64(m) > int64(len(coded)) || len(plain)+int(n) > limit {
			return nil, errXpress
		}
		block := coded[:m]
		if n != m {
			var err error
			if block, err = decodeLZ77(block, int(n)); err != nil {
				return nil, err
			}
		}
		plain, coded = append(plain, block...), coded[m:]
	}
	return plain, nil
}

// decodeLZ77 undoes plain LZ77 to size bytes.
func decodeLZ77(coded []byte, size int) ([]byte, error) {
	r := &lz77{rest: coded}
	plain := make([]byte, 0, size)
	for len(plain) < size && !r.short {
		if !r.match() {
			plain = append(plain, r.next(1)[0])
			continue
		}
		length, offset := r.reference()
		if offset > len(plain) || length > size-len(plain) {
			return nil, errXpress
		}
		for range length {
			plain = append(plain, plain[len(plain)-offset])
		}
	}
	if r.short {
		return nil, errXpress
	}
	return plain, nil
}

// lz77 reads the parts of a coded block. It gives zeros behind the end and
// notes that it is short.
type lz77 struct {
	rest  []byte
	flags uint32
	left  int   // flags not yet used
	half  *byte // the byte whose upper half is the next length; nil for none
	short bool
}

func (r *lz77) next(n int) []byte {
	if n > len(r.rest) {
		r.short, r.rest = true, nil
		return make([]byte, n)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// match tells whether a reference comes next, and not a literal byte.
func (r *lz77) match() bool {
	if r.left == 0 {
		r.flags, r.left = binary.LittleEndian.Uint32(r.next(4)), 32
	}
	r.left--
	return r.flags&(1<<r.left) != 0
}

// reference is how many bytes are to be copied, and from how far back.
func (r *lz77) reference() (length, offset int) {
	b := int(binary.LittleEndian.Uint16(r.next(2)))
	length, offset = b%8, b/8+1
	if length == 7 {
		length = 7 + r.long()
	}
	return length + 3, offset
}

// long is the part of a length that goes beyond 7.
func (r *lz77) long() int {
	var n int
	if r.half == nil {
		b := r.next(1)
		r.half, n = &b[0], int(b[0]%16)
	} else {
		n, r.half = int(*r.half/16), nil
	}
	if n < 15 {
		return n
	}
	if n = int(r.next(1)[0]); n < 255 {
		return 15 + n
	}
	if n = int(binary.LittleEndian.Uint16(r.next(2))); n == 0 {
		n = int(binary.LittleEndian.Uint32(r.next(4)))
	}
	if n < 15+7 {
		r.short = true
		return 0
	}
	return n - 7
}
