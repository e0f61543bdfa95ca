package probe

import (
	"cmp"
	"slices"

	"proxycheck/probe/wuerr"
)

// coded are the codes under which Windows logs what s is, of every version, each once.
// A finding without codes of its own is logged by the status of the answer. They are
// looked for when they are first asked for, among all the steps that show s.
func (s *shown) coded() []Coded {
	if s.codes != nil || s.NoCode {
		return s.codes
	}
	templates := s.Codes
	if templates == nil {
		templates = []Coded{{Code: ofStatus, Sure: Documented}}
	}
	s.codes = []Coded{}
	for _, c := range templates {
		some := []Coded{c}
		if c.Code == ofStatus {
			some = s.byStatus(c)
		}
		for _, one := range some {
			if !slices.Contains(s.codes, one) {
				s.codes = append(s.codes, one)
			}
		}
	}
	return s.codes
}

// isFor tells whether c is for the status that a logger logs in a layer for what an agent
// asked. A logger that has a name logs the jobs of others, whoever they are.
func (c Coded) isFor(layer Layer, agent, logger Agent) bool {
	return (c.Agent == "" || c.Agent == agent || logger != "") && (c.Layer == "" || c.Layer == layer)
}

// byStatus are the codes of the statuses that the steps of s were answered, in
// the form of c and of its agent and layer, where it has them. The update agent logs
// its own code for the status of a job that others do for it, and of its own files both.
func (s *shown) byStatus(c Coded) []Coded {
	var codes []Coded
	for _, j := range s.by {
		answer, _ := j.Observation.reply()
		status := answer.Status()
		if status == 0 || j.Step.By == CryptoAPI || j.Step.By == NCSI {
			continue
		}
		for _, l := range loggers {
			agent, code := cmp.Or(l.agent, j.Step.By), l.code(status)
			if l.layer == j.Step.Layer && c.isFor(l.layer, agent, l.agent) {
				codes = append(codes, Coded{agent, l.layer, c.Since, c.Until, code, l.source, sureOf(code, c.Sure)})
			}
		}
	}
	return codes
}

// sureOf is how sure a code by status is, where it is otherwise as sure as given:
// which statuses have none of their own is inferred.
func sureOf(c wuerr.Code, given Sure) Sure {
	if c == wuerr.PTNotMapped {
		return Unsure
	}
	return given
}

// loggers are who logs a status, by the layer that meets it: the result before what
// else stands in the log. "" is the agent that made the request.
var loggers = []struct {
	layer  Layer
	agent  Agent
	code   func(status int) wuerr.Code
	source string
}{
	{SOAP, "", wuerr.AgentStatus, wuaCodes},
	{Fetch, "", wuerr.AgentStatus, wuaCodes},
	{Fetch, "", wuerr.DownloadStatus, fieldLogs},
	{Job, "", wuerr.DownloadStatus, bitsCodes},
	{Job, WUA, wuerr.AgentStatus, fieldLogs},
}

// logged are the codes of s on one Windows.
func (s *shown) logged(w Windows) []wuerr.Code {
	var codes []wuerr.Code
	for _, c := range s.coded() {
		if w.Within(c.Since, c.Until) && !slices.Contains(codes, c.Code) {
			codes = append(codes, c.Code)
		}
	}
	return codes
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
