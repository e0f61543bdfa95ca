package wsus

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"proxycheck/probe/wusp"
)

// cookieLife is how long a cookie is valid (wire.md 3.5).
const cookieLife = time.Hour

// A cookie is what the server wants to know of a client at its next call. The
// client carries it, so that the server need not remember.
type cookie struct {
	Expires    int64  // seconds since 1970
	LastChange string // of the configuration that the client has
	After      int    // the revision behind which the next page begins
}

// content is c as the content of an element, as clients are given it.
func (c cookie) content() string {
	plain, err := json.Marshal(c)
	if err != nil {
		panic(err) // numbers and a string
	}
	expiration := time.Unix(c.Expires, 0).UTC().Format("2006-01-02T15:04:05.0000000Z")
	return wusp.Tag("Expiration", expiration) + wusp.Tag("EncryptedData", seal("cookie", plain))
}

// readCookie reads the EncryptedData of a cookie.
func readCookie(data string) (cookie, error) {
	plain, ok := unseal("cookie", data)
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

// authorizationSize is what a sealed authorization holds, in bytes: it makes
// the 496 characters that were captured (wire.md 3.5).
const authorizationSize = 344

// newAuthorization is the CookieData for a client.
func newAuthorization(client string) (string, error) {
	if client == "" || len(client) > authorizationSize {
		return "", invalidParameters
	}
	plain := make([]byte, authorizationSize)
	copy(plain, client)
	return seal("authorization", plain), nil
}

func validAuthorization(data string) bool {
	_, ok := unseal("authorization", data)
	return ok
}

// sealer keeps clients and proxies from reading a cookie or changing it. Its key
// is no secret: it is the same in each server, so that one that was started
// anew knows its clients, and there is nothing to steal.
var sealer = newSealer()

func newSealer() cipher.AEAD {
	key := sha256.Sum256([]byte("proxycheck fake WSUS"))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the key's length is right
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // and so is the block's
	}
	return aead
}

// seal makes plain opaque, and another text each time. What is sealed as one
// kind is not valid as another.
func seal(kind string, plain []byte) string {
	return base64.StdEncoding.EncodeToString(sealer.Seal(nil, nil, plain, []byte(kind)))
}

// unseal undoes seal, or tells that it cannot.
func unseal(kind, data string) ([]byte, bool) {
	sealed, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return nil, false
	}
	plain, err := sealer.Open(nil, nil, sealed, []byte(kind))
	return plain, err == nil
}
