package probe

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/Azure/go-ntlmssp"
)

// ntlm is the scheme of NTLM, with the blank behind it, as WinHTTP spells it.
const ntlm = "NTLM "

// negotiateMessage is the NTLM message of type 1 that WinHTTP begins with: flags
// 0xa2088207, neither domain nor workstation (wire.md 5.2, whose line of 84 bytes
// has room for these 40), and a version, of which only that it is one of Windows
// 10 is known.
const negotiateMessage = "NTLMSSP\x00" + // signature
	"\x01\x00\x00\x00" + // type
	"\x07\x82\x08\xa2" + // flags
	"\x00\x00\x00\x00\x00\x00\x00\x00" + // domain
	"\x00\x00\x00\x00\x00\x00\x00\x00" + // workstation
	"\x0a\x00\x61\x4a\x00\x00\x00\x0f" // version 10.0.19041, revision 15 of NTLM

// negotiate is the value of Proxy-Authorization that begins a login by NTLM. The
// proxy must answer it with a challenge and keep the connection.
func negotiate() string {
	return ntlm + base64.StdEncoding.EncodeToString([]byte(negotiateMessage))
}

var (
	errNoChallenge = errors.New("the proxy sent no NTLM challenge")
	errAnonymous   = errors.New("NTLM needs a user")
)

// authenticate is the value of Proxy-Authorization that answers the challenge,
// an NTLM message of type 2, among the values of Proxy-Authenticate. The user
// may be DOMAIN\user or user@domain. It speaks NTLMv2 alone; a challenge that is
// none, or asks for what was not offered, is an error.
func authenticate(challenge []string, user, password string) (string, error) {
	if user == "" {
		return "", errAnonymous
	}
	token := ntlmToken(challenge)
	if token == "" {
		return "", errNoChallenge
	}
	message, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return "", fmt.Errorf("in the NTLM challenge: %w", err)
	}
	answer, err := ntlmssp.NewAuthenticateMessage(plainChallenge(message), user, password, nil)
	if err != nil {
		return "", fmt.Errorf("answering the NTLM challenge: %w", err)
	}
	return ntlm + base64.StdEncoding.EncodeToString(answer), nil
}

// plainChallenge is a challenge without what no answer needs and some senders get
// wrong ([MS-NLMP] 2.2.1.2): the name of its sender and, where none is announced,
// the information about it. One of Squid's own helpers says that its name is far
// outside of the message, and begins it where that information would be.
func plainChallenge(message []byte) []byte {
	const (
		name, flags   = 12, 20 // offsets
		head, info    = 40, 48 // ends of the fields without and with the information
		announcesInfo = 0x00800000
	)
	if len(message) < head {
		return message
	}
	plain := bytes.Clone(message)
	if binary.LittleEndian.Uint32(message[flags:])&announcesInfo == 0 {
		plain = append(plain[:head], make([]byte, info-head)...)
	}
	clear(plain[name : name+8])
	return plain
}

// ntlmToken is what stands behind the scheme NTLM in one of the values, in any
// spelling of it, or "" for nothing.
func ntlmToken(values []string) string {
	for _, v := range values {
		for one := range strings.SplitSeq(inQuotes.ReplaceAllString(v, ""), ",") {
			scheme, token, _ := strings.Cut(strings.TrimSpace(one), " ")
			if token = strings.TrimSpace(token); token != "" && strings.EqualFold(scheme, strings.TrimSpace(ntlm)) {
				return token
			}
		}
	}
	return ""
}
