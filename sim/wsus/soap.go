package wsus

import (
	"cmp"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"proxycheck/probe/wusp"
)

// minCoded is the size above which an answer is coded, in bytes: a real server
// coded one of 298.
const minCoded = 250

// A refusal is the ErrorCode of a fault (wire.md 3.8).
type refusal string

func (r refusal) Error() string { return string(r) }

// The refusals that a client can bring about.
const (
	invalidParameters = refusal("InvalidParameters")
	invalidAuthCookie = refusal("InvalidAuthorizationCookie")
	invalidCookie     = refusal("InvalidCookie")
	cookieExpired     = refusal("CookieExpired")
	configChanged     = refusal("ConfigChanged")
)

// errNotRecognized is of a call whose action the service does not have.
var errNotRecognized = errors.New("no such operation")

// A call is one call of an operation.
type call struct {
	webService
	form      wusp.Form // of the answer
	tls       bool
	body      []byte
	action    string // the SOAPAction that was sent
	space     string // the namespace of the operation
	operation string // that it names
	files     string // the host that clients are to fetch files from
	cookie    cookie // that came with it; the zero value for none, or none of ours
	client    string // the SusClientId of whoever calls; "" when it is not known
	dns       string // how the body says that this is called; "" for nothing
	last      bool   // the answer is the last page of updates
}

// note keeps in the record of a request what was understood of its call.
func note(n *noted, c *call, well bool) {
	n.Operation, n.Client, n.DNS, n.Last, n.Well, n.body = c.operation, c.client, c.dns, c.last, well, c.body
}

// aspNet is the version of ASP.NET that a real server states (wire.md 3.6).
const aspNet = "4.0.30319"

// soap answers a request for a path that ends as those of web services do.
func (s *Server) soap(w http.ResponseWriter, r *http.Request, path string) {
	v, known := services[path]
	switch {
	case !known:
		fail(w, http.StatusNotFound)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		v.describe(w, r)
	case r.Method != http.MethodPost:
		otherMethod(w, r)
	default:
		s.call(w, r, v)
	}
}

// call answers a call of a service.
func (s *Server) call(w http.ResponseWriter, r *http.Request, v webService) {
	form, ok := v.formOf(mediaType(r))
	if !ok {
		fail(w, http.StatusUnsupportedMediaType)
		return
	}
	if isLong(r) {
		if !s.long.enter(r.Context()) {
			unavailable.ServeHTTP(w, r)
			return
		}
		defer s.long.leave()
	}
	body, err := readCall(w, r)
	if err != nil {
		w.Header().Set("Connection", "close") // the rest of the body would stand before the next head
		fail(w, unreadStatus(err))
		return
	}
	c := &call{webService: v, form: form, tls: r.TLS != nil, body: body, action: r.Header.Get("SOAPAction"), files: s.fileHost(r)}
	status, answer := s.answer(c)
	note(notedOf(r), c, status == http.StatusOK)
	c.write(w, r, status, answer)
}

// mediaType is that of the body of r, or "" when it is not in UTF-8: nothing
// else is read.
func mediaType(r *http.Request) string {
	mediaType, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset, given := parameters["charset"]; err != nil || given && !strings.EqualFold(charset, "utf-8") {
		return ""
	}
	return mediaType
}

// answer is the status and the body of the answer to c.
func (s *Server) answer(c *call) (status int, body string) {
	content, err := s.perform(c)
	switch {
	case err == nil:
		return http.StatusOK, c.form.Response(c.space, c.operation, content)
	case err == errNotRecognized:
		return http.StatusInternalServerError, notRecognized(c.action)
	}
	fault := &wusp.Fault{Code: err.Error(), ID: newGUID(), Method: wusp.Action(c.space, c.operation)}
	return http.StatusInternalServerError, c.form.Fault(fault)
}

// perform is the content of the response to c, or the reason that there is none.
func (s *Server) perform(c *call) (string, error) {
	if err := c.route(); err != nil {
		return "", err
	}
	o := c.operations[c.operation]
	errCookie := s.identify(c, o)
	if s.Refuse != nil {
		if code := s.Refuse(c.client, c.operation); code != "" {
			return "", refusal(code)
		}
	}
	if o.cookie {
		if err := cmp.Or(errCookie, c.cookie.check(time.Now())); err != nil {
			return "", err
		}
	}
	return o.answer(s, c)
}

// identify reads the cookie of c and finds out who calls: from that, from the
// authorization, or from what the body says. The error is the refusal of the
// cookie.
func (s *Server) identify(c *call, o operation) (err error) {
	c.cookie, err = s.readCookie(c.text("cookie/EncryptedData"))
	authorized, _ := s.authorized(c.authorization())
	c.client = cmp.Or(c.cookie.Client, authorized, c.named(o.client))
	c.dns = c.named(o.dns)
	return err
}

// route finds the operation of c: by the SOAPAction and, with SOAP 1.2, which
// has none, by the body. The body must be a call of it.
func (c *call) route() error {
	envelope, first, err := wusp.Payload(c.body)
	version, action := wusp.SOAP11, c.action
	if c.form.ContentType == wusp.SOAP12Form.ContentType {
		version, action = wusp.SOAP12, wusp.Action(first.Space, first.Local)
	}
	namespace, name := wusp.Operation(action)
	if version == wusp.SOAP11 || err == nil {
		if _, ok := c.operations[name]; !ok {
			return errNotRecognized
		}
	}
	c.space, c.operation = namespace, name
	if err != nil || envelope != version || first != (xml.Name{Space: namespace, Local: name}) {
		return invalidParameters
	}
	return nil
}

// notRecognized is the fault that ASP.NET gives for a SOAPAction which the
// service does not have (wire.md 3.9).
func notRecognized(action string) string {
	reason := "System.Web.Services.Protocols.SoapException: Server did not recognize the value of HTTP Header SOAPAction: " +
		strings.Trim(action, `"`) + ".\r\n   at System.Web.Services.Protocols.Soap11ServerProtocolHelper.RouteRequest()"
	return wusp.ASPNETForm.Envelope("<soap:Fault><faultcode>soap:Client</faultcode><faultstring>" +
		wusp.Escape(reason) + "</faultstring><detail/></soap:Fault>")
}

// write answers with the fields of IIS and with a length, in the coding xpress
// where the client offers that (wire.md 3.6, 3.7).
func (c *call) write(w http.ResponseWriter, r *http.Request, status int, answer string) {
	h, body := w.Header(), []byte(answer)
	h.Set("Cache-Control", c.cacheControl)
	h.Set("Content-Type", c.form.ContentType)
	h.Set("Vary", "Accept-Encoding")
	h["X-AspNet-Version"] = []string{aspNet} // in its own spelling
	if len(body) > minCoded && acceptsXpress(r.Header) {
		h.Set("Content-Encoding", "xpress")
		body = wusp.EncodeXpress(body)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}

// acceptsXpress tells whether a client offers the coding xpress.
func acceptsXpress(h http.Header) bool {
	for coding := range strings.SplitSeq(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		if strings.EqualFold(strings.TrimSpace(coding), "xpress") {
			return true
		}
	}
	return false
}

// fileHost is the host in the addresses of files: the one that the client asked
// for, whatever a proxy made of it (wire.md 3.5). Files are served in clear, one
// port below that of TLS, or at 80 for 443 (wire.md 7.1), unless FilesPort says
// otherwise.
func (s *Server) fileHost(r *http.Request) string {
	if r.TLS == nil {
		return r.Host
	}
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = strings.Trim(r.Host, "[]"), "443"
	}
	n, err := strconv.Atoi(cmp.Or(s.FilesPort, port))
	switch {
	case err != nil:
		return r.Host
	case s.FilesPort != "":
	case n == 443:
		n = 80
	default:
		n--
	}
	if n == 80 {
		return strings.TrimSuffix(net.JoinHostPort(host, ""), ":")
	}
	return net.JoinHostPort(host, strconv.Itoa(n))
}

// text is the text of the first element at a path within the operation.
func (c *call) text(path string) string { return wusp.Element(c.body, c.operation+"/"+path) }

// authorization is the CookieData in a call of GetCookie.
func (c *call) authorization() string { return c.text("authCookies/AuthorizationCookie/CookieData") }

// maxNamed is the most that is kept of how a client is called, in bytes.
const maxNamed = 255

// named is the text at a path that names a client, or "" where that is "" or
// what stands there is too long for a name.
func (c *call) named(path string) string {
	if path == "" {
		return ""
	}
	name := strings.TrimSpace(c.text(path))
	if len(name) > maxNamed {
		return ""
	}
	return name
}

// texts are the texts of the elements at a path within the operation.
func (c *call) texts(path string) []string { return wusp.Elements(c.body, c.operation+"/"+path) }

// ints are the numbers at a path within the operation.
func (c *call) ints(path string) ([]int, error) {
	var numbers []int
	for _, text := range c.texts(path) {
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32) // an xs:int
		if err != nil {
			return nil, invalidParameters
		}
		numbers = append(numbers, int(n))
	}
	return numbers, nil
}

// booleans are the values of an xs:boolean; one that is absent is false.
var booleans = map[string]bool{"": false, "false": false, "0": false, "true": true, "1": true}

// boolean is the value at a path within the operation.
func (c *call) boolean(path string) (bool, error) {
	value, ok := booleans[strings.TrimSpace(c.text(path))]
	if !ok {
		return false, invalidParameters
	}
	return value, nil
}

// instant is the xs:dateTime at a path within the operation.
func (c *call) instant(path string) (time.Time, error) {
	const maxInstant = 40 // characters
	text := c.text(path)
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || len(text) > maxInstant {
		return time.Time{}, invalidParameters
	}
	return at, nil
}

func (s *Server) getConfig(c *call) (string, error) {
	return wusp.Tag(c.operation+"Result", wusp.ConfigResult), nil
}

func (s *Server) getAuthorizationCookie(c *call) (string, error) {
	data, err := s.newAuthorization(c.text("clientId"))
	if err != nil {
		return "", err
	}
	return wusp.Tag("GetAuthorizationCookieResult", wusp.Tag("PlugInId", "SimpleTargeting")+wusp.Tag("CookieData", data)), nil
}

// getCookie gives a cookie that ends an hour after the client's own time. So a
// client that says it is two hours ago gets one that has expired, which is how
// it can bring about the fault CookieExpired. One that gives a LastChange other
// than the configuration's gets ConfigChanged at its next call.
func (s *Server) getCookie(c *call) (string, error) {
	client, ok := s.authorized(c.authorization())
	if !ok {
		return "", invalidAuthCookie
	}
	now, errNow := c.instant("currentTime")
	_, errChange := c.instant("lastChange")
	if err := cmp.Or(errNow, errChange); err != nil {
		return "", err
	}
	given := cookie{Client: client, Expires: now.Add(cookieLife).Unix(), LastChange: c.text("lastChange")}
	return wusp.Tag("GetCookieResult", s.content(given)), nil
}

func (s *Server) registerComputer(*call) (string, error) { return "", nil }

func (s *Server) reportEventBatch(*call) (string, error) {
	return wusp.Tag("ReportEventBatchResult", "true"), nil
}

// newGUID makes up a GUID.
func newGUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0F|0x40, b[8]&0x3F|0x80 // version 4
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
