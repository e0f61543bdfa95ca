package probe

import (
	"regexp"
	"testing"

	"proxycheck/probe/wire"
)

var part = regexp.MustCompile(`(?i)^bytes\s+0*1000-0*1999\s*/\s*0*262144$`)

// Whatever an answer to a range says, it passes only when it is the part that
// was asked for: status 206, that very Content-Range, and that many bytes.
func FuzzJudgeRange(f *testing.F) {
	f.Add("HTTP/1.1 206 Partial Content\nContent-Range: bytes 1000-1999/262144\nContent-Length: 1000", int64(1000), false)
	f.Add("HTTP/1.1 200 OK\nContent-Length: 262144", int64(262144), false)
	f.Add("HTTP/1.1 206 Partial Content\nContent-Range: bytes 1000-1999/*\nContent-Length: 1000", int64(1000), true)
	f.Add("HTTP/1.0 403 Forbidden\nServer: squid/5.7", int64(0), true)
	i := 0
	for Steps[i].Kind != ranged {
		i++
	}
	f.Fuzz(func(t *testing.T, head string, length int64, direct bool) {
		answer := wire.Lines(head)
		if answer.Status() == 0 {
			return // which package wire never takes for an answer
		}
		o := &Observation{NoProxy: direct, Known: 262144, Exchange: &wire.Exchange{
			Sent: wire.Lines("GET /a HTTP/1.1\nRange: bytes=1000-1999"), Answer: answer, Stopped: wire.Done,
			Body: wire.Body{Framing: wire.ByLength, Stated: length, Length: length},
		}}
		verdicts := Judge(Steps[i], o)
		for _, v := range verdicts {
			if v.Finding == Unexplained {
				t.Errorf("%q is unexplained", head)
			}
			if v.Grade == Fail {
				return
			}
		}
		if answer.Status() != 206 || length != 1000 || !part.MatchString(answer.Get("Content-Range")) {
			t.Errorf("%q with %d bytes passes for bytes 1000-1999 (%v)", head, length, verdicts)
		}
	})
}
