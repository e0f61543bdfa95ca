package wusp

import (
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

	b := append([]byte("MSCF"), 0, 0, 0, 0)
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

// CabinetSize is the size that a cabinet states in its head, of which start is
// at least 12 bytes. A signed one is followed by its signature.
func CabinetSize(start []byte) (int64, error) {
	if len(start) < 12 || string(start[:4]) != "MSCF" {
		return 0, errors.New("does not begin with MSCF")
	}
	return int64(binary.LittleEndian.Uint32(start[8:])), nil
}
