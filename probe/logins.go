package probe

import (
	"slices"
	"strings"

	"proxycheck/probe/wire"
)

// What a login hides.

// loginGiven keeps what a login hides that was given for this run: the services
// of Windows have none.
func loginGiven(all []*judged) {
	for _, j := range all {
		if j.Observation == nil {
			continue
		}
		for _, leg := range j.Observation.asked() {
			asked := &Observation{Exchange: leg, NoProxy: j.Observation.NoProxy}
			finding, evidence := LoginUnusable, loginUseless(asked)
			if evidence == "" {
				finding, evidence = LoginWanted, answered(407)(asked)
			}
			if broken := loginBroken(asked); broken != "" {
				finding, evidence = LoginBroken, broken
			}
			if evidence != "" && !j.shows(finding) {
				evidence += "; the rest was tried with the login that was given"
				j.verdicts = append(j.verdicts, Verdict{finding, j.gradeOf(finding), owner(finding, asked), evidence})
			}
		}
	}
	for _, j := range having(all, LoginWanted) { // what others get through with could not be tried there
		if letIn := slices.ContainsFunc(having(all, LoginWanted), (*judged).letIn); letIn && unoffered(j.Observation) {
			j.regrade(LoginWanted, Warn)
		}
	}
}

// gradeOf is how bad it is that a login was wanted and j went on with the one that
// was given: where NTLM or Negotiate got through, the account of a computer may too.
func (j *judged) gradeOf(f *Finding) Grade {
	if f == LoginWanted && j.letIn() {
		return Warn
	}
	return f.Grade
}

// letIn tells whether what j was answered in the end is no question for a login.
func (j *judged) letIn() bool {
	answer, _ := j.Observation.reply()
	return answer.Status() != 407
}

// regrade makes g the grade of a finding of j.
func (j *judged) regrade(f *Finding, g Grade) {
	for i, v := range j.verdicts {
		if v.Finding == f {
			j.verdicts[i].Grade = g
		}
	}
}

// asked are the exchanges of o before the last, those of its CONNECT too.
func (o *Observation) asked() []*wire.Exchange {
	if o.Tunnel == nil {
		return o.Legs
	}
	return append(slices.Clone(o.Legs), o.Tunnel.Before...)
}

// loginBroken matches a challenge of NTLM behind which the connection ends, to
// which it belongs.
func loginBroken(o *Observation) string {
	challenge := slices.IndexFunc(o.Answer.All("Proxy-Authenticate"), func(v string) bool { return strings.HasPrefix(v, "NTLM ") })
	if o.Answer.Status() != 407 || challenge < 0 || o.Closed != wire.ClosedPeer {
		return ""
	}
	return "the challenge came and the connection was closed: " + answerOf(o)
}
