package wsus

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
)

// microsoft are the files of Microsoft's servers, which this one plays too. All
// are inert, and none has a signature that Windows would take for Microsoft's.
var microsoft = append(slices.Clone(redirectors), []place{
	// The service locator of Windows 8.1 on (wire.md 2.8).
	{"/sls/*", http.HandlerFunc(locator)},
	// Delivery Optimization (wire.md 4.2).
	{"/filestreamingservice/*", http.HandlerFunc(streaming)},
	// CryptoAPI (wire.md 5.5).
	{"/msdownload/update/v3/static/trustedr/en/authrootstl.cab", cabinet("authroot.stl", "an inert list of trusted roots\r\n")},
	{"/msdownload/update/v3/static/trustedr/en/disallowedcertstl.cab", cabinet("disallowedcert.stl", "an inert list of bad certificates\r\n")},
	{"/msdownload/update/v3/static/trustedr/en/pinrulesstl.cab", cabinet("pinrules.stl", "an inert list of pins\r\n")},
	{"/pki/crl/products/microoceraut_2010-06-23.crl", http.HandlerFunc(revoked)},
	// The connectivity indicator (wire.md 5.6).
	{"/connecttest.txt", indicator("Microsoft Connect Test")},
	{"/ncsi.txt", indicator("Microsoft NCSI")},
	// OCSP asks at the root. An OCSPRequest is a DER sequence, so its base64
	// begins with M.
	{"/m*", http.HandlerFunc(certificateStatus)},
}...)

// redirectors are those of Windows XP to 7 (wire.md 2.3, 2.5).
var redirectors = []place{
	{"/v9/windowsupdate/redir/muv4wuredir.cab", redirections},
	{"/v9/windowsupdate/redir/wuredir.cab", redirections},
	{"/v11/2/windowsupdate/redir/v6-win7sp1-wuredir.cab", redirections},
	{"/v11/2/microsoftupdate/redir/v6-muredir.cab", redirections},
}

// A redirector serves a cabinet that is another one in every answer, so that
// one which a cache kept shows.
type redirector struct {
	started int64 // in nanoseconds since 1970, so that ids grow from run to run
	served  atomic.Int64
}

var redirections = &redirector{started: time.Now().UnixNano()}

// ServeHTTP answers with a cabinet of constant length: HEAD and the GET behind
// it must agree.
func (d *redirector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text := fmt.Sprintf("<?xml version=\"1.0\"?>\r\n<WuRedir redirectorId=\"%019d\"/>\r\n", d.started+d.served.Add(1))
	w.Header().Set("Cache-Control", "no-cache")
	send(w, r, octets, changed, bytes.NewReader(wusp.Cabinet("wuredir.xml", []byte(text))))
}

// service is a path of the service locator: that of a service's id, in braces.
var service = regexp.MustCompile(`^/sls/(\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\})/`)

// locatorLife is how long a client keeps an answer of the locator, in minutes:
// its entity tag ends with it.
const locatorLife = "2880"

// locator serves a cabinet for each service.
func locator(w http.ResponseWriter, r *http.Request) {
	m := service.FindStringSubmatch(strings.ToLower(r.URL.Path))
	if m == nil {
		fail(w, http.StatusNotFound)
		return
	}
	body := wusp.Cabinet("environment.xml", []byte("<?xml version=\"1.0\"?>\r\n<Environment service=\""+m[1]+"\"/>\r\n"))
	sum := sha256.Sum256(body)
	h := w.Header()
	h.Set("ETag", `"`+base64.StdEncoding.EncodeToString(sum[:])+"_"+locatorLife+`"`)
	h.Set("X-Microsoft-SLSClientCache", locatorLife)
	h.Set("Content-Disposition", "attachment; filename=environment.cab")
	send(w, r, octets, changed, bytes.NewReader(body))
}

// streaming serves what Delivery Optimization asks of a content server, which
// is none of IIS's: it minds case, slashes and escapes.
func streaming(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Server", "ECAcc (frc/8F4A)")
	h.Del("X-Powered-By")
	target := wire.OriginForm(r.RequestURI)
	if s, ok := wusp.ParseHashes(target); ok {
		pieceHashes(w, r, s)
		return
	}
	switch s, ok := wusp.ParseStream(target); {
	case ok:
		stream(w, r, s)
	case s.GUID != "":
		fail(w, http.StatusForbidden) // its signature is missing or wrong
	default:
		fail(w, http.StatusNotFound)
	}
}

// streamAge is how long an answer may be kept (wire.md 4.2): 200 days.
const streamAge = 17_280_000 * time.Second

// stream serves s with the fields of a captured answer (wire.md 4.2), less
// those of the caches in front of Microsoft's servers: X-Cache would be taken
// for that of the proxy under test.
func stream(w http.ResponseWriter, r *http.Request, s wusp.Stream) {
	h := w.Header()
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", streamAge/time.Second))
	h.Set("ETag", s.ETag())
	h.Set("Expires", time.Now().Add(streamAge).UTC().Format(http.TimeFormat))
	h.Set("Content-Disposition", "attachment; filename="+s.GUID)
	h["MS-CorrelationId"] = []string{newGUID()} // in its own spelling, as the next two
	h["MS-RequestId"] = []string{newGUID()}
	h["X-CID"] = []string{"2"}
	send(w, r, octets, changed, s.Reader())
}

// Pieces of a stream: each of a MiB (wire.md 4.2), or more where there would be
// too many for one answer.
const (
	pieceSize = 1 << 20
	maxPieces = 8192
)

// hashes says what the hashes of the pieces of a stream are.
type hashes struct {
	MajorVersion, MinorVersion int
	HashOfHashes               string
	ContentLength, PieceSize   int64
	Pieces                     []string
}

// pieceHashes serves hashes that are made up, in a form that is made up too:
// to hash the 5 GiB of a stream takes longer than a client waits. The server
// closes the connection behind them (wire.md 4.2).
func pieceHashes(w http.ResponseWriter, r *http.Request, s wusp.Stream) {
	answer := hashes{MajorVersion: 1, ContentLength: s.Size, PieceSize: pieceSize}
	for s.Size > maxPieces*answer.PieceSize {
		answer.PieceSize *= 2
	}
	all := sha256.New()
	for at := int64(0); at < s.Size; at += answer.PieceSize {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s at %d", s.GUID, at))
		all.Write(sum[:])
		answer.Pieces = append(answer.Pieces, base64.StdEncoding.EncodeToString(sum[:]))
	}
	answer.HashOfHashes = base64.StdEncoding.EncodeToString(all.Sum(nil))
	body, err := json.Marshal(answer)
	if err != nil {
		fail(w, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Connection", "close")
	file{"application/json", changed, [][2]string{{"ETag", etag(body)}}, body}.ServeHTTP(w, r)
}

// indicator is a text that tells Windows that it is online (wire.md 5.6).
func indicator(text string) file {
	return file{"text/plain", time.Time{}, [][2]string{
		{"Cache-Control", "max-age=30, must-revalidate"}, {"Connection", "close"},
	}, []byte(text)}
}

// revocation is the authority that certificates are said to be of, made when
// the first is asked for. Nobody trusts it.
var revocation = sync.OnceValues(func() (*Authority, error) { return NewAuthority("proxycheck throwaway CA") })

// statusLife is how long lists and answers of the authority hold: longer than
// a server runs.
const statusLife = 10 * 365 * 24 * time.Hour

// revocationList is the list of what the authority has revoked: nothing.
var revocationList = sync.OnceValues(func() (*file, error) {
	authority, err := revocation()
	if err != nil {
		return nil, err
	}
	made := authority.root.NotBefore
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: made, NextUpdate: made.Add(statusLife)}
	body, err := x509.CreateRevocationList(rand.Reader, template, authority.root, authority.key)
	return &file{"application/pkix-crl", made, [][2]string{{"ETag", etag(body)}}, body}, err
})

// revoked serves the list of revoked certificates.
func revoked(w http.ResponseWriter, r *http.Request) {
	list, err := revocationList()
	if err != nil {
		fail(w, http.StatusInternalServerError)
		return
	}
	list.ServeHTTP(w, r)
}

// certificateStatus answers OCSP by GET (RFC 6960 A.1): the path is one
// segment, the request in base64.
func certificateStatus(w http.ResponseWriter, r *http.Request) {
	request, err := ocspRequestAt(r.URL.EscapedPath())
	if err != nil {
		fail(w, http.StatusNotFound)
		return
	}
	authority, err := revocation()
	if err != nil {
		fail(w, http.StatusInternalServerError)
		return
	}
	body, err := authority.answer(request)
	if err != nil {
		fail(w, http.StatusInternalServerError)
		return
	}
	file{"application/ocsp-response", authority.root.NotBefore, [][2]string{
		{"ETag", etag(body)}, {"Cache-Control", "max-age=3600, public, no-transform, must-revalidate"}, // RFC 5019 6.2
	}, body}.ServeHTTP(w, r)
}

// ocspRequestAt is the DER of the request that a path is.
func ocspRequestAt(path string) ([]byte, error) {
	segment, err := url.PathUnescape(strings.TrimPrefix(path, "/"))
	if err != nil {
		return nil, err
	}
	request, err := base64.StdEncoding.DecodeString(segment)
	if err != nil {
		return nil, err
	}
	var sequence asn1.RawValue
	rest, err := asn1.Unmarshal(request, &sequence)
	if err == nil && (len(rest) > 0 || sequence.Tag != asn1.TagSequence) {
		err = fmt.Errorf("%x is no sequence", request)
	}
	return request, err
}

// The structures of RFC 6960 4.1.1 and 4.2.1, as far as they are used.
type (
	ocspRequest struct {
		Body struct {
			Version  int `asn1:"explicit,tag:0,default:0,optional"`
			Requests []struct{ Certificate certificateID }
		}
	}
	certificateID struct {
		Hash                pkix.AlgorithmIdentifier
		IssuerName, KeyHash []byte
		Serial              *big.Int
	}
	certificateState struct {
		Certificate certificateID
		Status      asn1.RawValue
		From        time.Time `asn1:"generalized"`
		Until       time.Time `asn1:"generalized,explicit,tag:0"`
	}
	ocspBody struct {
		Responder asn1.RawValue
		Made      time.Time `asn1:"generalized"`
		States    []certificateState
	}
	ocspBasic struct {
		Body      asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	ocspResponse struct {
		Status asn1.Enumerated
		Answer ocspAnswerBytes `asn1:"explicit,tag:0"`
	}
	ocspAnswerBytes struct {
		Type  asn1.ObjectIdentifier
		Basic []byte
	}
)

// Object identifiers of RFC 6960 4.2.1 and RFC 5758 3.2.
var (
	oidOCSPBasic       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
	oidECDSAWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
)

// malformedRequest is the answer to what is no OCSPRequest (RFC 6960 4.2.1).
var malformedRequest = []byte{0x30, 3, 0x0A, 1, 1}

// statusGood says that a certificate is good: a NULL with the tag [0].
var statusGood = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0}

// answer is the OCSPResponse to a request: each certificate is good. The same
// request has the same answer for as long as the process runs.
func (a *Authority) answer(der []byte) ([]byte, error) {
	var request ocspRequest
	if rest, err := asn1.Unmarshal(der, &request); err != nil || len(rest) > 0 || len(request.Body.Requests) == 0 {
		return malformedRequest, nil
	}
	made := a.root.NotBefore
	body := ocspBody{Made: made, Responder: asn1.RawValue{
		Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: a.root.RawSubject}}
	for _, asked := range request.Body.Requests {
		body.States = append(body.States, certificateState{asked.Certificate, statusGood, made, made.Add(statusLife)})
	}
	signed, err := asn1.Marshal(body)
	if err != nil {
		return nil, err
	}
	basic, err := a.sign(signed)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(ocspResponse{Answer: ocspAnswerBytes{oidOCSPBasic, basic}})
}

// sign is the BasicOCSPResponse whose body is given. Without a source of chance
// the signature is always the same (RFC 6979).
func (a *Authority) sign(body []byte) ([]byte, error) {
	digest := sha256.Sum256(body)
	signature, err := a.key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(ocspBasic{
		Body:      asn1.RawValue{FullBytes: body},
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: oidECDSAWithSHA256},
		Signature: asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
	})
}
