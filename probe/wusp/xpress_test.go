package wusp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// The examples of [MS-XCA] 3.1 for plain LZ77, which a greedy encoder meets.
func TestEncodeLZ77(t *testing.T) {
	for _, tt := range []struct{ plain, coded string }{
		{"abcdefghijklmnopqrstuvwxyz", "3f000000" + hex.EncodeToString([]byte("abcdefghijklmnopqrstuvwxyz"))},
		{strings.Repeat("abc", 100), "ffffff1f61626317000fff2601"},
		// 32 literals use the flags up, so that others follow.
		{"abcdefghijklmnopqrstuvwxyz012345", "00000000" + hex.EncodeToString([]byte("abcdefghijklmnopqrstuvwxyz012345")) + "ffffffff"},
	} {
		if got := hex.EncodeToString(encodeLZ77([]byte(tt.plain))); got != tt.coded {
			t.Errorf("encodeLZ77(%q) = %s, want %s", tt.plain, got, tt.coded)
		}
	}
}

func TestEncodeXpress(t *testing.T) {
	noise := make([]byte, 3*xpressBlock+1)
	rand.NewChaCha8([32]byte{}).Read(noise)
	for _, plain := range [][]byte{nil, {}, []byte("a"), []byte("aaaa"), []byte(ConfigResponse), noise,
		bytes.Repeat([]byte("ab"), 50_000), bytes.Repeat(noise[:9000], 5), bytes.Repeat(noise[:xpressBlock], 2)} {
		coded := EncodeXpress(plain)
		got, err := DecodeXpress(coded, len(plain))
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes come back as %d (%v)", len(plain), len(got), err)
		}
	}
	if stored := EncodeXpress(noise[:10]); !bytes.Equal(stored, append([]byte("\x0a\x00\x00\x00\x0a\x00\x00\x00"), noise[:10]...)) {
		t.Errorf("what does not shrink is coded as %x", stored)
	}
	// A real server made 637 bytes of 1150 (wire.md 3.5).
	if got := len(EncodeXpress([]byte(ConfigResponse))); got > len(ConfigResponse)*3/4 {
		t.Errorf("%d bytes of XML become %d", len(ConfigResponse), got)
	}
}

// FuzzEncodeXpress: what is coded decodes to itself, within a limit of its size
// and not below.
func FuzzEncodeXpress(f *testing.F) {
	for _, plain := range []string{"", "a", "abcabcabc", ConfigResponse, strings.Repeat("a", 70_000), strings.Repeat(ConfigResponse, 20)} {
		f.Add([]byte(plain))
	}
	f.Fuzz(func(t *testing.T, plain []byte) {
		coded := EncodeXpress(plain)
		blocks := (len(plain) + xpressBlock - 1) / xpressBlock
		if len(coded) > len(plain)+8*blocks {
			t.Errorf("%d bytes become %d", len(plain), len(coded))
		}
		if got, err := DecodeXpress(coded, len(plain)); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%q comes back as %q (%v)", plain, got, err)
		}
		if got, err := DecodeXpress(coded, len(plain)-1); len(plain) > 0 && (err == nil || len(got) != 0) {
			t.Errorf("%d bytes come of a limit of %d", len(got), len(plain)-1)
		}
	})
}

// A bomb: each block has 17 bytes and says that it holds 65,535. It must not
// cost more than its limit.
func TestXpressBomb(t *testing.T) {
	block := []byte("\xff\xff\x00\x00\x00\x00\x00\x00" + // 65,535 bytes, whose coded length follows
		"\xff\xff\xff\x7f" + "a" + "\x07\x00" + "\x0f" + "\xff" + "\xfb\xff") // a, and 65,534 times the byte before
	binary.LittleEndian.PutUint32(block[4:], uint32(len(block)-8))
	one, err := DecodeXpress(block, 65535)
	if err != nil || len(one) != 65535 || strings.Trim(string(one), "a") != "" {
		t.Fatalf("a block gives %d bytes (%v), want 65,535", len(one), err)
	}
	bomb := bytes.Repeat(block, 50_000) // 3 GB
	const limit = 1 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if plain, err := DecodeXpress(bomb, limit); err == nil || plain != nil {
		t.Errorf("the bomb gives %d bytes (%v)", len(plain), err)
	}
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	if allocated > 8*limit {
		t.Errorf("the bomb costs %d bytes with a limit of %d", allocated, limit)
	}
}
