package probe

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// The message of type 1 is WinHTTP's: 40 bytes, so that the line has the 84 of
// the capture, with those flags and no names (wire.md 5.2).
func TestNegotiate(t *testing.T) {
	line := "Proxy-Authorization: " + negotiate() + "\r\n"
	if len(line) != 84 {
		t.Errorf("%q has %d bytes, want 84", line, len(line))
	}
	message, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(negotiate(), "NTLM "))
	if err != nil || !bytes.HasPrefix(message, []byte("NTLMSSP\x00\x01\x00\x00\x00")) {
		t.Fatalf("%q is no message of type 1 (%v)", message, err)
	}
	if flags := binary.LittleEndian.Uint32(message[12:]); flags != 0xa2088207 {
		t.Errorf("the flags are %#x, want 0xa2088207", flags)
	}
	if names := message[16:32]; !bytes.Equal(names, make([]byte, 16)) {
		t.Errorf("domain and workstation are %x, want neither", names)
	}
}

// serverChallenge is that of the examples of [MS-NLMP] 4.2.1.
var serverChallenge = []byte{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}

// challengeMessage is a message of type 2 like that of [MS-NLMP] 4.2.4.3: the
// target Server, and Domain and Server as its names. Its flags are those that
// Windows grants to a client that offered 0xa2088207.
func challengeMessage(flags uint32) []byte {
	b := []byte("NTLMSSP\x00\x02\x00\x00\x00" + "\x0c\x00\x0c\x00\x38\x00\x00\x00")
	b = binary.LittleEndian.AppendUint32(b, flags)
	b = append(b, serverChallenge...)
	b = append(b, "\x00\x00\x00\x00\x00\x00\x00\x00"+"\x24\x00\x24\x00\x44\x00\x00\x00"+"\x06\x00\x70\x17\x00\x00\x00\x0f"...)
	b = append(b, "S\x00e\x00r\x00v\x00e\x00r\x00"...)
	b = append(b, "\x02\x00\x0c\x00D\x00o\x00m\x00a\x00i\x00n\x00"...)
	b = append(b, "\x01\x00\x0c\x00S\x00e\x00r\x00v\x00e\x00r\x00"...)
	return append(b, "\x00\x00\x00\x00"...)
}

const granted = 0xa2898205

func challenged(message []byte) string { return "NTLM " + base64.StdEncoding.EncodeToString(message) }

// The response is the one of [MS-NLMP] 3.3.2: the key is that of the example in
// 4.2.4.1.1 for the user User of the domain Domain with the password Password.
func TestAuthenticate(t *testing.T) {
	key, _ := hex.DecodeString("0c868a403bfd7a93a3001ef22ef02e3f")
	value, err := authenticate([]string{"Negotiate", "ntlm " + challenged(challengeMessage(granted))[5:], `Basic realm="proxy"`}, `Domain\User`, "Password")
	if err != nil {
		t.Fatal(err)
	}
	message, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(value, "NTLM "))
	if err != nil || !bytes.HasPrefix(message, []byte("NTLMSSP\x00\x03\x00\x00\x00")) {
		t.Fatalf("%q is no message of type 3 (%v)", value, err)
	}
	field := func(at int) []byte {
		n, offset := binary.LittleEndian.Uint16(message[at:]), binary.LittleEndian.Uint32(message[at+4:])
		return message[offset:][:n]
	}
	for name, tt := range map[string]struct {
		at   int
		want string
	}{"domain": {28, "Domain"}, "user": {36, "User"}, "workstation": {44, ""}} {
		if want := utf16le(tt.want); !bytes.Equal(field(tt.at), want) {
			t.Errorf("the %s is %q, want %q", name, field(tt.at), want)
		}
	}
	response := field(20)
	proof, temp := response[:16], response[16:]
	mac := hmac.New(md5.New, key)
	mac.Write(serverChallenge)
	mac.Write(temp)
	if want := mac.Sum(nil); !bytes.Equal(proof, want) {
		t.Errorf("the proof is %x, want %x", proof, want)
	}
	if names := challengeMessage(granted)[0x44:]; !bytes.Contains(temp, names) {
		t.Errorf("%x is not for the target %x", temp, names)
	}
}

func utf16le(s string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return b
}

// What is no challenge is not answered.
func TestAuthenticateRefused(t *testing.T) {
	good := challenged(challengeMessage(granted))
	for _, tt := range []struct {
		name, user string
		values     []string
		want       error // nil for any
	}{
		{"no answer at all", "User", nil, errNoChallenge},
		{"other schemes", "User", []string{"Negotiate TlRMTVNTUAA=", `Basic realm="a, NTLM YQ=="`}, errNoChallenge},
		{"the scheme again, which is a refusal", "User", []string{"NTLM"}, errNoChallenge},
		{"nobody", "", []string{good}, errAnonymous},
		{"no base64", "User", []string{"NTLM ~"}, nil},
		{"a message of type 1", "User", []string{negotiate()}, nil},
		{"half a message", "User", []string{challenged(challengeMessage(granted)[:40])}, nil},
		{"names that end early", "User", []string{challenged(challengeMessage(granted)[:80])}, nil},
		{"a key exchange that was not offered", "User", []string{challenged(challengeMessage(granted | 1<<30))}, nil},
		{"NTLM of version 1", "User", []string{challenged(challengeMessage(granted | 1<<7))}, nil},
	} {
		value, err := authenticate(tt.values, tt.user, "Password")
		if err == nil || value != "" || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %q, %v; want an error (%v)", tt.name, value, err, tt.want)
		}
	}
}

// A challenge is found beside others in one field.
func TestAuthenticateAmongOthers(t *testing.T) {
	value := `Negotiate, ` + challenged(challengeMessage(granted)) + `, Basic realm="a"`
	if _, err := authenticate([]string{value}, "user@domain.test", "Password"); err != nil {
		t.Error(err)
	}
}

// Whatever a proxy sends as a challenge, it gets a message of type 3 or an error.
func FuzzAuthenticate(f *testing.F) {
	f.Add(challengeMessage(granted))
	f.Add(challengeMessage(granted)[:56])
	f.Add([]byte(negotiateMessage))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, message []byte) {
		value, err := authenticate([]string{challenged(message)}, `Domain\User`, "Password")
		if err != nil {
			return
		}
		answer, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(value, "NTLM "))
		if err != nil || !bytes.HasPrefix(answer, []byte("NTLMSSP\x00\x03\x00\x00\x00")) {
			t.Errorf("%x is answered %q (%v)", message, value, err)
		}
		if !slices.Equal(message[8:12], []byte{2, 0, 0, 0}) {
			t.Errorf("%x is answered and is not of type 2", message)
		}
	})
}

// The challenge of a helper of Squid 5.7, which gives a place for its name that is
// far outside of the message, is answered all the same.
func TestStrayChallenge(t *testing.T) {
	const challenge = "TlRMTVNTUAACAAAACQAJAK6qqqoHggiiik3mCwp+OAIAAAAAAAA6AFdPUktHUk9VUA=="
	answer, err := authenticate([]string{"NTLM " + challenge}, "alice", "s3cret")
	if err != nil || len(answer) < len(negotiate()) {
		t.Errorf("authenticate = %q, %v", answer, err)
	}
}
