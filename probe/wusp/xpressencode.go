package wusp

import "encoding/binary"

// xpressBlock is how many plain bytes a server puts into one block (wire.md 3.7).
const xpressBlock = 16352

// EncodeXpress puts plain into the content coding xpress: blocks in plain LZ77
// ([MS-XCA] 2.3), or as they are where that does not make them shorter.
func EncodeXpress(plain []byte) []byte {
	var coded []byte
	for len(plain) > 0 {
		n := min(len(plain), xpressBlock)
		block := encodeLZ77(plain[:n])
		if len(block) >= n {
			block = plain[:n]
		}
		coded = binary.LittleEndian.AppendUint32(coded, uint32(n))
		coded = binary.LittleEndian.AppendUint32(coded, uint32(len(block)))
		coded, plain = append(coded, block...), plain[n:]
	}
	return coded
}

// Bounds of a reference in plain LZ77 ([MS-XCA] 2.3.4).
const (
	minMatch  = 3    // bytes
	maxOffset = 8192 // bytes back
)

// encodeLZ77 codes a block of at most 16 KiB. It is greedy, and remembers one
// place for each three bytes.
func encodeLZ77(plain []byte) []byte {
	w := new(lz77Writer)
	w.flag()
	var seen [1 << 12]int // one more than the last place, by hash
	for at := 0; at < len(plain); {
		length, from := 0, 0
		if at+minMatch <= len(plain) {
			place := &seen[hash(plain[at:])]
			length, from = shared(plain, *place-1, at), *place-1
			*place = at + 1
		}
		if length < minMatch {
			w.literal(plain[at])
			at++
			continue
		}
		w.reference(length, at-from)
		at += length
	}
	return w.finish()
}

// hash is twelve bits of the first three bytes of b.
func hash(b []byte) uint32 {
	return (uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16) * 2654435761 >> 20
}

// shared is how many bytes from at on stand at an earlier place too, or 0 when
// there is none in reach.
func shared(plain []byte, from, at int) int {
	if from < 0 || at-from > maxOffset {
		return 0
	}
	n := 0
	for at+n < len(plain) && plain[from+n] == plain[at+n] {
		n++
	}
	return n
}

// An lz77Writer writes the parts of a coded block.
type lz77Writer struct {
	out   []byte
	flags uint32
	used  int // of the 32 flags
	place int // of the flags in out
	half  int // of the byte whose upper half is free, in out; 0 for none
}

// flag makes room for the next 32 flags.
func (w *lz77Writer) flag() {
	w.place, w.flags, w.used = len(w.out), 0, 0
	w.out = append(w.out, 0, 0, 0, 0)
}

// put notes in the flags what was just written.
func (w *lz77Writer) put(flag uint32) {
	w.flags |= flag << (31 - w.used)
	if w.used++; w.used == 32 {
		binary.LittleEndian.PutUint32(w.out[w.place:], w.flags)
		w.flag()
	}
}

func (w *lz77Writer) literal(b byte) {
	w.out = append(w.out, b)
	w.put(0)
}

// reference says to copy length bytes from offset bytes back.
func (w *lz77Writer) reference(length, offset int) {
	length -= minMatch
	w.out = binary.LittleEndian.AppendUint16(w.out, uint16((offset-1)<<3|min(length, 7)))
	if length >= 7 {
		w.long(length - 7)
	}
	w.put(1)
}

// long is the part of a length that goes beyond 7: half a byte, then a byte,
// then two. A block is too short for more.
func (w *lz77Writer) long(n int) {
	half := byte(min(n, 15))
	if w.half == 0 {
		w.half = len(w.out)
		w.out = append(w.out, half)
	} else {
		w.out[w.half] |= half << 4
		w.half = 0
	}
	switch {
	case n < 15:
	case n < 15+255:
		w.out = append(w.out, byte(n-15))
	default:
		w.out = append(w.out, 255)
		w.out = binary.LittleEndian.AppendUint16(w.out, uint16(n+7))
	}
}

// finish sets the flags that are left, by which a reader knows the end.
func (w *lz77Writer) finish() []byte {
	binary.LittleEndian.PutUint32(w.out[w.place:], w.flags|uint32(1<<(32-w.used)-1))
	return w.out
}
