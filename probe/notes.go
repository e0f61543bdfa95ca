package probe

import (
	"slices"
	"strings"

	"proxycheck/probe/wire"
)

// What a report says beside its findings.

// seenIn says where Windows shows the codes of an agent.
var seenIn = map[Agent]string{
	WUA:       "WindowsUpdate.log, and Settings",
	BITS:      "event 61 of BITS-Client, and bitsadmin /list /allusers /verbose",
	DO:        "the Delivery Optimization log (Get-DeliveryOptimizationLog)",
	CryptoAPI: "the event log CAPI2, which is off by default",
}

// soapUnsure is said of the versions whose web-service calls nobody captured.
const soapUnsure = "whether its calls of web services look as here: no capture of this version is public, so they are played with the fields of Windows 11, and the computer is described by its words"

// constant is a reason in every run.
func constant(why string) Reason { return func(*Circumstances) string { return why } }

// when is a reason where a condition holds.
func when(holds func(*Circumstances) bool, why string) Reason {
	return func(c *Circumstances) string {
		if !holds(c) {
			return ""
		}
		return why
	}
}

// unlessSelfUpdates spares a step that this Windows does not make by itself.
func unlessSelfUpdates(c *Circumstances) string {
	if c.SelfUpdates {
		return ""
	}
	return string(c.Windows) + " does not update its agent this way"
}

// unlessExpress spares a step of the jobs for express files, which later Windows
// leaves to Delivery Optimization (wire.md 1.6).
var unlessExpress = when(func(c *Circumstances) bool { return c.DO != "" },
	"how much this Windows still asks for several parts at once is not known")

// whileGuessed spares a step towards a port that the server may not have.
func whileGuessed(c *Circumstances) string {
	if !c.Guessed {
		return ""
	}
	return "nothing says that this server offers TLS at " + c.Secure
}

// Why steps are left out.
var (
	inClear       = when(func(c *Circumstances) bool { return c.Target.TLS }, "the whole run goes through TLS")
	onlyGenerated = when((*Circumstances).production, "it needs files and answers that only a fake WSUS makes up")
	onlyMicrosoft = when((*Circumstances).production, "Windows asks this of Microsoft's servers, not of a WSUS")
	// The server must not merely be thought to offer TLS.
	onlyMicrosoftTLS = when(func(c *Circumstances) bool { return c.production() || c.Guessed },
		"Windows asks this of Microsoft's servers, through TLS")
	whenPrefixed = when(func(c *Circumstances) bool { return !c.Prefixed },
		"whether this server has names with a number before them, as Microsoft's have, is not known")
	whenAddressed = when(func(c *Circumstances) bool { return c.Address == "" },
		"at which address the proxy finds this server is not known")
	whenRegistered = when(func(c *Circumstances) bool { return c.production() && !c.Register },
		"it changes what the server keeps of its clients; --register makes it")
	whenSynced = when(func(c *Circumstances) bool { return c.production() && !c.Register },
		"it asks about what SyncUpdates names, which is left out")
)

// production tells whether the server is one that clients depend on.
func (c *Circumstances) production() bool { return c.Kind == WSUS }

// notTested says what a run of these steps leaves open.
func notTested(r *Run) []string {
	open := []string{"Microsoft's own servers: the run asks the update server that was given"}
	if r.Target.Kind == Microsoft {
		open = []string{
			"a WSUS: the run asks Microsoft's own servers",
			"whether files are the ones that the servers hold: they are not known, so parts are compared with each other",
			"several parts of a file at once, and conditions: what Microsoft's servers make of them is not known",
			"whether trust lists are the newest: --compare-direct yes holds them against what comes without the proxy",
		}
	}
	if r.Target.Kind == WSUS {
		open = append(open,
			"files that no cache has seen, and big ones: the server's own files are asked for, of which "+r.Target.ObjectPath+" is one",
			"whether files are the ones that the server holds: its files are not known, so only parts and wholes are compared")
	}
	if r.Target.Kind == WSUS && r.Client.Register {
		open = append(open, "updates below the top of the server's tree: what is installed is not evaluated, so the scan ends early")
	}
	if status := (wire.Head{Start: r.Greeting}).Status(); status != 0 && status != 404 {
		open = append(open, "whether the server is a fake WSUS, which would prove more: asked for that it answered "+quoted(r.Greeting))
	}
	if r.Target.Roots != nil && signedByOthers(r) {
		open = append(open, "whether clients trust the server: the CA that was given did not sign its certificate")
	}
	if hosts := uncompared(r); hosts != "" {
		open = append(open, "whether somebody signs in the place of "+hosts+": this machine's store knows none of the authorities")
	}
	if r.Untold != "" {
		open = append(open, "what arrives at the server, which would prove who must act: "+r.Untold)
	}
	if r.DirectFailed != "" {
		open = append(open, "whether all that fails does so without the proxy too: "+r.DirectFailed)
	}
	open = append(open, leftOutBy(r)...)
	if r.Target.Kind == WSUS && r.Target.TLS {
		open = append(open, "whether the files are at "+r.Target.Content+": a WSUS has them one port below its TLS, or on 80")
	}
	if p := r.Client.Profile; p.Unsure != "" {
		open = append(open, string(p.Windows)+": "+p.Unsure)
	}
	if r.Target.Guessed {
		open = append(open, "whether the server offers TLS at all: "+r.Target.Secure+" is a guess, --server-tls names it")
	}
	return open
}

// leftOutBy says for each reason which steps were left out for it.
func leftOutBy(r *Run) []string {
	var reasons []string
	steps := map[string][]string{}
	for _, result := range r.Results {
		if !result.LeftOut || result.Step.Variant != "" && !result.Step.isRung() || slices.Contains(steps[result.WaitedFor], result.Step.Name) {
			continue
		}
		if steps[result.WaitedFor] == nil {
			reasons = append(reasons, result.WaitedFor)
		}
		steps[result.WaitedFor] = append(steps[result.WaitedFor], result.Step.Name)
	}
	for i, why := range reasons {
		reasons[i] = strings.Join(steps[why], ", ") + ": " + why
	}
	return reasons
}

// signedByOthers tells whether a server that is known by its own root is not known
// by the CA that was given.
func signedByOthers(r *Run) bool {
	return slices.ContainsFunc(r.Results, func(result *Result) bool {
		o := result.Observation
		return o != nil && o.Trust != nil && o.Trust.By == ByServersCA && !o.Trust.Accepted && o.Trust.Err == nil
	})
}
