package wusp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Sizes of the records of a cabinet ([MS-CAB] 2).
const (
	cabHeader = 36
	cabFolder = 8
	cabFile   = 16
	cabData   = 8
)

// cabSignature is how every cabinet begins.
const cabSignature = "MSCF"

var errNotCabinet = errors.New("does not begin with " + cabSignature)

// Cabinet is a cabinet with one file, stored as it is. The file may have at
// most 32 KiB, the most that one block of a cabinet holds.
func Cabinet(name string, data []byte) []byte {
	if len(data) > 32<<10 {
		panic(fmt.Sprintf("wusp: %s has %d bytes, more than a block of a cabinet holds", name, len(data)))
	}
	le := binary.LittleEndian
	files := uint32(cabHeader + cabFolder)
	blocks := files + cabFile + uint32(len(name)) + 1
	size := blocks + cabData + uint32(len(data))

	b := append([]byte(cabSignature), 0, 0, 0, 0)
	b = le.AppendUint32(b, size)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint32(b, files)
	b = le.AppendUint32(b, 0)
	b = append(b, 3, 1)             // version 1.3
	b = append(b, 1, 0, 1, 0)       // one folder, one file
	b = append(b, 0, 0, 0, 0, 0, 0) // flags, set, number in the set
	b = le.AppendUint32(b, blocks)  // the folder
	b = append(b, 1, 0, 0, 0)       // one block, not compressed
	b = le.AppendUint32(b, uint32(len(data)))
	b = append(b, 0, 0, 0, 0, 0, 0) // at the start of folder 0
	b = append(b, 0x21, 0x5A, 0, 0) // 2025-01-01 00:00
	b = append(append(b, 0x20, 0), name...)
	b = append(b, 0)
	block := le.AppendUint16(nil, uint16(len(data)))
	block = append(le.AppendUint16(block, uint16(len(data))), data...)
	b = le.AppendUint32(b, cabChecksum(block[4:], cabChecksum(block[:4], 0)))
	return append(b, block...)
}

// cabChecksum is the checksum of [MS-CAB] 3.1.
func cabChecksum(b []byte, sum uint32) uint32 {
	for ; len(b) >= 4; b = b[4:] {
		sum ^= binary.LittleEndian.Uint32(b)
	}
	var rest uint32
	for _, c := range b {
		rest = rest<<8 | uint32(c)
	}
	return sum ^ rest
}

// Bits of the flags of a cabinet ([MS-CAB] 2.1).
const (
	cabPrevious = 1 << iota // another cabinet comes before this one
	cabNext                 // another one follows
	cabReserve              // areas are set aside, such as that of the signature
)

// Limits of [MS-CAB] 2.
const (
	cabMaxReserve = 60000    // bytes that the header sets aside
	cabMaxName    = 256      // bytes of a name, with its end
	cabMaxPlain   = 32 << 10 // bytes of a block
	cabMaxPacked  = 38 << 10 // bytes of a block as it is stored: compression can make it longer
)

// CheckCabinet holds the first bytes of a file of that length against the
// structure of a cabinet ([MS-CAB] 2): its header, folders, files and blocks of
// data, as far as start has them, and the checksum of each block that start has
// whole and that states one. It decompresses nothing. A signed cabinet is
// followed by its signature, so the file may be longer than the cabinet states.
// The error says what the file is instead, as in "the file ...".
func CheckCabinet(start []byte, length int64) error {
	switch {
	case !bytes.HasPrefix(start, []byte(cabSignature)[:min(len(start), len(cabSignature))]):
		return errNotCabinet
	case length < cabHeader:
		return fmt.Errorf("has %d bytes, less than the header of a cabinet", length)
	case len(start) < cabHeader || length < int64(len(start)):
		return fmt.Errorf("cannot be told from %d of its %d bytes", len(start), length)
	}
	c := &cabinet{start: start, size: cabHeader}
	for _, read := range []func() error{
		func() error { return c.header(length) }, c.reserved, c.neighbours, c.folderTable, c.fileTable, c.data,
	} {
		switch err := read(); {
		case errors.Is(err, errUnread):
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

// errUnread says that what comes next lies behind the start that was read,
// which is no fault of the cabinet.
var errUnread = errors.New("not read")

// A cabinet is one that is being checked.
type cabinet struct {
	start []byte
	at    int64 // what comes next in start
	size  int64 // that the cabinet states

	flags      uint16
	files      int // how many
	filesAt    int64
	folders    []cabinetFolder
	setAside   struct{ folder, block int64 } // bytes in each of them
	walked     int64                         // bytes of the blocks seen
	tablesDone int64                         // where the last of the files ends
}

// A cabinetFolder is a run of blocks, compressed as one.
type cabinetFolder struct {
	at     int64 // of its first block
	blocks int
	plain  bool  // not compressed
	need   int64 // bytes that the files in it take
}

// next is the next n bytes of the cabinet.
func (c *cabinet) next(n int64) ([]byte, error) {
	end := c.at + n
	switch {
	case end > c.size:
		return nil, fmt.Errorf("has a record at %d that ends behind its %d bytes", c.at, c.size)
	case end > int64(len(c.start)):
		return nil, errUnread
	}
	b := c.start[c.at:end]
	c.at = end
	return b, nil
}

// name passes over a name, which ends with a zero.
func (c *cabinet) name() error {
	window := c.start[min(c.at, int64(len(c.start))):]
	left := min(cabMaxName, c.size-c.at)
	window = window[:min(int64(len(window)), left)]
	switch i := bytes.IndexByte(window, 0); {
	case i >= 0:
		c.at += int64(i) + 1
		return nil
	case int64(len(window)) < left:
		return errUnread
	}
	return fmt.Errorf("has a name at %d without an end", c.at)
}

// header reads the header of a cabinet in a file of length bytes.
func (c *cabinet) header(length int64) error {
	b, err := c.next(cabHeader)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	c.size = int64(le.Uint32(b[8:]))
	c.filesAt = int64(le.Uint32(b[16:]))
	c.folders = make([]cabinetFolder, le.Uint16(b[26:]))
	c.files = int(le.Uint16(b[28:]))
	c.flags = le.Uint16(b[30:])
	switch {
	case c.size < cabHeader || c.size > length:
		return fmt.Errorf("states %d bytes as a cabinet, and has %d", c.size, length)
	case le.Uint32(b[4:]) != 0 || le.Uint32(b[12:]) != 0 || le.Uint32(b[20:]) != 0:
		return errors.New("has something in its header where a cabinet has zeros")
	case b[25] != 1 || b[24] != 3:
		return fmt.Errorf("is a cabinet of version %d.%d, not 1.3", b[25], b[24])
	case len(c.folders) == 0 || c.files == 0:
		return fmt.Errorf("is a cabinet of %d folders and %d files", len(c.folders), c.files)
	case c.flags&^(cabPrevious|cabNext|cabReserve) != 0:
		return fmt.Errorf("is a cabinet with the unknown flags %#x", c.flags)
	}
	return nil
}

// reserved passes over the area that is set aside, if there is one.
func (c *cabinet) reserved() error {
	if c.flags&cabReserve == 0 {
		return nil
	}
	b, err := c.next(4)
	if err != nil {
		return err
	}
	header := int64(binary.LittleEndian.Uint16(b))
	if header > cabMaxReserve {
		return fmt.Errorf("sets %d bytes aside in its header, more than a cabinet may", header)
	}
	c.setAside.folder, c.setAside.block = int64(b[2]), int64(b[3])
	_, err = c.next(header)
	return err
}

// neighbours passes over the names of the cabinets before and behind, and of
// the disks they are on.
func (c *cabinet) neighbours() error {
	for _, flag := range []uint16{cabPrevious, cabPrevious, cabNext, cabNext} {
		if c.flags&flag == 0 {
			continue
		}
		if err := c.name(); err != nil {
			return err
		}
	}
	return nil
}

func (c *cabinet) folderTable() error {
	for i := range c.folders {
		b, err := c.next(cabFolder + c.setAside.folder)
		if err != nil {
			return err
		}
		le := binary.LittleEndian
		kind := le.Uint16(b[6:])
		f := cabinetFolder{at: int64(le.Uint32(b)), blocks: int(le.Uint16(b[4:])), plain: kind == 0}
		least := int64(f.blocks) * (cabData + c.setAside.block)
		switch {
		case !knownCompression(kind):
			return fmt.Errorf("has a folder of the unknown compression %#x", kind)
		case f.blocks > 0 && f.at+least > c.size:
			return fmt.Errorf("has a folder at %d whose %d blocks end behind its %d bytes", f.at, f.blocks, c.size)
		}
		c.folders[i] = f
	}
	return nil
}

// knownCompression tells whether a folder can be of that kind: the method in
// the lowest four bits, and for LZX the power of two of its window above.
func knownCompression(kind uint16) bool {
	window := kind >> 8 & 0x1F
	switch kind & 0xF {
	case 0, 1, 2: // none, MSZIP, Quantum
		return true
	case 3: // LZX
		return window >= 15 && window <= 21
	}
	return false
}

// continued are the numbers that stand for a folder which a file shares with
// the cabinets before and behind, and the flags that these need ([MS-CAB] 2.3).
var continued = map[uint16]uint16{0xFFFD: cabPrevious, 0xFFFE: cabNext, 0xFFFF: cabPrevious | cabNext}

func (c *cabinet) fileTable() error {
	if c.filesAt < c.at {
		return fmt.Errorf("has its table of files at %d, inside what comes before", c.filesAt)
	}
	c.at = c.filesAt
	for range c.files {
		b, err := c.next(cabFile)
		if err != nil {
			return err
		}
		le := binary.LittleEndian
		end := int64(le.Uint32(b)) + int64(le.Uint32(b[4:]))
		if err := c.place(le.Uint16(b[8:]), end); err != nil {
			return err
		}
		if err := c.name(); err != nil {
			return err
		}
	}
	c.tablesDone = c.at
	return nil
}

// place notes that a file ends at end in a folder.
func (c *cabinet) place(folder uint16, end int64) error {
	if flags := continued[folder]; flags != 0 && c.flags&flags == flags {
		return nil
	}
	if int(folder) >= len(c.folders) {
		return fmt.Errorf("has a file in folder %d of %d", folder, len(c.folders))
	}
	f := &c.folders[folder]
	f.need = max(f.need, end)
	if f.need > int64(f.blocks)*cabMaxPlain {
		return fmt.Errorf("has a file that ends at %d in a folder of %d blocks", end, f.blocks)
	}
	return nil
}

// data looks at the blocks of each folder. What is left out of one does not
// matter to the next.
func (c *cabinet) data() error {
	for _, f := range c.folders {
		if err := c.folder(f); err != nil && !errors.Is(err, errUnread) {
			return err
		}
	}
	return nil
}

func (c *cabinet) folder(f cabinetFolder) error {
	if f.blocks > 0 && f.at < c.tablesDone {
		return fmt.Errorf("has the data of a folder at %d, inside its tables", f.at)
	}
	c.at = f.at
	var plain int64
	for range f.blocks {
		n, err := c.block(f.plain)
		if err != nil {
			return err
		}
		plain += n
	}
	if c.alone() && plain < f.need {
		return fmt.Errorf("has files of %d bytes in a folder of %d", f.need, plain)
	}
	return nil
}

// alone tells whether no block can be shared with another cabinet.
func (c *cabinet) alone() bool { return c.flags&(cabPrevious|cabNext) == 0 }

// block looks at a block and gives the number of its bytes when decompressed.
func (c *cabinet) block(plain bool) (int64, error) {
	at := c.at
	head, err := c.next(cabData + c.setAside.block)
	if err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	stated, packed, unpacked := le.Uint32(head), int64(le.Uint16(head[4:])), int64(le.Uint16(head[6:]))
	if packed > cabMaxPacked || unpacked > cabMaxPlain || plain && c.alone() && packed != unpacked {
		return 0, fmt.Errorf("has a block at %d of %d bytes that stand for %d", at, packed, unpacked)
	}
	data, err := c.next(packed)
	if err != nil {
		return 0, err
	}
	// So many folders can point at one block that to look at each would take
	// for ever.
	if c.walked += c.at - at; c.walked > int64(len(c.start)) {
		return 0, fmt.Errorf("has a block at %d that overlaps others", at)
	}
	if sum := cabChecksum(head[4:], cabChecksum(data, 0)); stated != 0 && sum != stated {
		return 0, fmt.Errorf("has a block at %d whose checksum is %08x, where it states %08x", at, sum, stated)
	}
	return unpacked, nil
}
