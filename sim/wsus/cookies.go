package wsus

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"proxycheck/probe/wusp"
)

// cookieLife is how long a cookie is valid (wire.md 3.5).
const cookieLife = time.Hour

// A cookie is what the server wants to know of a client at its next call. The
// client carries it, so that the server need not remember.
type cookie struct {
	Client     string // its SusClientId
	Expires    int64  // seconds since 1970
	LastChange string // of the configuration that the client has
	After      int    // the revision behind which the next page begins
}

// content is c as the content of an element, as clients are given it.
func (s *Server) content(c cookie) string {
	plain, err := json.Marshal(c)
	if err != nil {
		panic(err) // numbers and strings
	}
	expiration := time.Unix(c.Expires, 0).UTC().Format("2006-01-02T15:04:05.0000000Z")
	return wusp.Tag("Expiration", expiration) + wusp.Tag("EncryptedData", s.cookies.seal("cookie", plain))
}

// readCookie reads the EncryptedData of a cookie.
func (s *Server) readCookie(data string) (cookie, error) {
	plain, ok := s.cookies.unseal("cookie", data)
	if !ok {
		return cookie{}, invalidCookie
	}
	var c cookie
	if err := json.Unmarshal(plain, &c); err != nil {
		return cookie{}, invalidCookie
	}
	return c, nil
}

// check is the refusal of a call with c, or nil when c is valid.
func (c cookie) check(now time.Time) error {
	switch {
	case now.Unix() >= c.Expires:
		return cookieExpired
	case c.LastChange != wusp.LastChange:
		return configChanged
	}
	return nil
}

// Sizes of what names a client, in bytes. What is sealed for an authorization
// makes the 496 characters that were captured (wire.md 3.5).
const (
	authorizationSize = 344
	maxClient         = 128 // a SusClientId has 36
)

// newAuthorization is the CookieData for a client.
func (s *Server) newAuthorization(client string) (string, error) {
	if client == "" || len(client) > maxClient {
		return "", invalidParameters
	}
	plain := make([]byte, authorizationSize)
	copy(plain, client)
	return s.cookies.seal("authorization", plain), nil
}

// authorized is the client that has been given CookieData.
func (s *Server) authorized(data string) (client string, ok bool) {
	plain, ok := s.cookies.unseal("authorization", data)
	return strings.TrimRight(string(plain), "\x00"), ok
}

// A sealer keeps clients and proxies from reading a cookie or changing it. Its
// key is made when it is first used, and kept nowhere: a server that was started
// anew refuses the cookies of the one before.
type sealer struct {
	once sync.Once
	aead cipher.AEAD
}

func (s *sealer) init() {
	var key [32]byte
	rand.Read(key[:])
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the key's length is right
	}
	if s.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		panic(err) // and so is the block's
	}
}

// seal makes plain opaque, and another text each time. What is sealed as one
// kind is not valid as another.
func (s *sealer) seal(kind string, plain []byte) string {
	s.once.Do(s.init)
	return base64.StdEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, []byte(kind)))
}

// unseal undoes seal, or tells that it cannot.
func (s *sealer) unseal(kind, data string) ([]byte, bool) {
	s.once.Do(s.init)
	sealed, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return nil, false
	}
	plain, err := s.aead.Open(nil, nil, sealed, []byte(kind))
	return plain, err == nil
}
