package sim

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"slices"
	"strings"
	"unicode/utf16"
)

// A proxy that asks for NTLM.

// ntlm wants a login by NTLM for each connection (wire.md 5.2). It hangs up after
// its challenge, whose answer then has none to refer to, or keeps the connection.
func ntlm(keep bool) func(*Net) {
	return front(everything, func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		l := connOf(r).note(ntlmKey{}, func() any { return new(ntlmLogin) }).(*ntlmLogin)
		if l.in {
			honest.ServeHTTP(w, r)
			return
		}
		offer := l.next(ntlmMessage(r.Header.Get("Proxy-Authorization")))
		if l.in {
			honest.ServeHTTP(w, r)
			return
		}
		if l.challenge != nil && !keep {
			w.Header().Set("Connection", "close")
			w.Header().Set("Proxy-Connection", "close")
		}
		w.Header().Set("Proxy-Authenticate", offer)
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusProxyAuthRequired)
	})
}

// ntlmKey is for the login in the notes of a connection.
type ntlmKey struct{}

// An ntlmLogin is how far the login of a connection has come.
type ntlmLogin struct {
	challenge []byte // that was sent; nil for none
	in        bool
}

// next takes a message of the client, nil for none, and is what to offer it.
func (l *ntlmLogin) next(message []byte) (offer string) {
	challenge := l.challenge
	l.challenge = nil
	switch {
	case ntlmType(message) == 1:
		l.challenge = make([]byte, 8)
		rand.Read(l.challenge)
		return "NTLM " + base64.StdEncoding.EncodeToString(ntlmChallenge(l.challenge))
	case ntlmType(message) == 3 && challenge != nil:
		l.in = ntlmProves(message, challenge, ntlmHash)
	}
	return "NTLM"
}

// ntlmHash is the NT hash of the one password that is good, "s3cret" (MS-NLMP
// 3.3.1). The user's name is free, and may not be empty.
var ntlmHash = []byte{0xd4, 0xc6, 0x19, 0xcb, 0x16, 0xd4, 0x63, 0x2b, 0x27, 0x56, 0x58, 0x31, 0x6a, 0x7e, 0x65, 0x7e}

const ntlmSignature = "NTLMSSP\x00"

// ntlmMessage is the message in a field, or nil.
func ntlmMessage(field string) []byte {
	scheme, coded, _ := strings.Cut(field, " ")
	message, err := base64.StdEncoding.DecodeString(strings.TrimSpace(coded))
	if err != nil || !strings.EqualFold(scheme, "NTLM") {
		return nil
	}
	return message
}

// ntlmType is which message it is: 1, 2 or 3, or 0 for none.
func ntlmType(message []byte) uint32 {
	if len(message) < 12 || string(message[:8]) != ntlmSignature {
		return 0
	}
	return binary.LittleEndian.Uint32(message[8:])
}

// ntlmChallenge is the second message (MS-NLMP 2.2.1.2), from a proxy in the
// domain PROXY.
func ntlmChallenge(challenge []byte) []byte {
	const (
		headLen = 48
		// Unicode, target, NTLM, always sign, domain, extended session security,
		// target information, 128 and 56 bits.
		flags = 0xA0898205
	)
	domain := utf16le("PROXY")
	info := slices.Concat([]byte{2, 0, byte(len(domain)), 0}, domain, []byte{1, 0, byte(len(domain)), 0}, domain, make([]byte, 4))
	m := append([]byte(ntlmSignature), 2, 0, 0, 0)
	m = ntlmField(m, len(domain), headLen)
	m = binary.LittleEndian.AppendUint32(m, flags)
	m = append(append(m, challenge...), make([]byte, 8)...)
	m = ntlmField(m, len(info), headLen+len(domain))
	return slices.Concat(m, domain, info)
}

// ntlmField says where in a message so many bytes are.
func ntlmField(m []byte, size, at int) []byte {
	m = binary.LittleEndian.AppendUint16(m, uint16(size))
	m = binary.LittleEndian.AppendUint16(m, uint16(size))
	return binary.LittleEndian.AppendUint32(m, uint32(at))
}

// ntlmProves tells whether the third message knows the password with that hash:
// NTLMv2 alone (MS-NLMP 3.3.2).
func ntlmProves(message, challenge, hash []byte) bool {
	response, ok1 := ntlmBytes(message, 20)
	domain, ok2 := ntlmBytes(message, 28)
	user, ok3 := ntlmBytes(message, 36)
	if !ok1 || !ok2 || !ok3 || len(user) == 0 || len(response) < 16+28 {
		return false
	}
	key := hmacMD5(hash, upperUTF16(user), domain)
	return hmac.Equal(response[:16], hmacMD5(key, challenge, response[16:]))
}

// ntlmBytes are those that the field at an offset of a message refers to.
func ntlmBytes(message []byte, field int) ([]byte, bool) {
	if len(message) < field+8 {
		return nil, false
	}
	size := uint64(binary.LittleEndian.Uint16(message[field:]))
	at := uint64(binary.LittleEndian.Uint32(message[field+4:]))
	if at+size > uint64(len(message)) {
		return nil, false
	}
	return message[at : at+size], true
}

func hmacMD5(key []byte, texts ...[]byte) []byte {
	h := hmac.New(md5.New, key)
	for _, t := range texts {
		h.Write(t)
	}
	return h.Sum(nil)
}

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// upperUTF16 is a text in UTF-16 in upper case.
func upperUTF16(b []byte) []byte {
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, binary.LittleEndian.Uint16(b))
	}
	return utf16le(strings.ToUpper(string(utf16.Decode(units))))
}
