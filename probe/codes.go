package probe

import (
	"slices"

	"proxycheck/probe/wuerr"
)

// coded are the codes under which Windows logs what s is, of every version. A
// finding without codes of its own is logged by the status of the answer.
func (s *shown) coded() []Coded {
	if s.NoCode {
		return nil
	}
	var codes []Coded
	for _, c := range s.Codes {
		if c.Code == ofStatus {
			codes = append(codes, s.byStatus(c)...)
			continue
		}
		codes = append(codes, c)
	}
	if s.Codes == nil {
		codes = s.byStatus(Coded{Sure: Documented})
	}
	return codes
}

// byStatus are the codes of the statuses that the steps of s were answered, in
// the form of c.
func (s *shown) byStatus(c Coded) []Coded {
	var codes []Coded
	for _, j := range s.by {
		answer, _ := j.Observation.reply()
		c.Agent, c.Layer, c.Code = j.Step.By, j.Step.Layer, StatusCode(j.Step.Layer, answer.Status())
		if c.Source = wuaCodes; c.Layer == Job {
			c.Source = bitsCodes
		}
		if known := j.Step.By != CryptoAPI && j.Step.By != NCSI; known && answer.Status() != 0 && !slices.Contains(codes, c) {
			codes = append(codes, c)
		}
	}
	return codes
}

// StatusCode is what the layer of an agent logs for an HTTP status.
func StatusCode(l Layer, status int) wuerr.Code {
	if l == Job {
		return wuerr.DownloadStatus(status)
	}
	return wuerr.AgentStatus(status)
}

// loggedBy is the first code under which an agent logs s for a step: the update
// agent logs some trouble of the jobs that others do for it.
func (s *shown) loggedBy(agent Agent, step *Step, w Windows) (Coded, bool) {
	codes := s.coded()
	i := slices.IndexFunc(codes, func(c Coded) bool {
		return c.Agent == agent && (c.Layer == step.Layer || c.Layer == "" && agent == step.By) && w.Within(c.Since, c.Until)
	})
	if i < 0 {
		return Coded{}, false
	}
	return codes[i], true
}

// passing are the codes that BITS takes for passing trouble: the job goes on
// trying for days, as TRANSIENT_ERROR.
var passing = []wuerr.Code{wuerr.TimedOut, wuerr.NameNotResolved, wuerr.CannotConnect, wuerr.ConnectionError, wuerr.InvalidResponse}

// outcome is what becomes of the update when c is logged.
func outcome(c Coded) string {
	switch {
	case c.Agent == BITS && (slices.Contains(passing, c.Code) || c.Code >= wuerr.DownloadStatus(500) && c.Code <= wuerr.DownloadStatus(599)):
		return "transient"
	case c.Code == wuerr.DONoProgress:
		return "stuck at 0 %"
	}
	return "error"
}
