package probe

// What a report says beside its findings.

// seenIn says where Windows shows the codes of an agent.
var seenIn = map[Agent]string{
	WUA:  "WindowsUpdate.log, and Settings",
	BITS: "event 61 of BITS-Client, and bitsadmin /list /allusers /verbose",
	DO:   "the Delivery Optimization log (Get-DeliveryOptimizationLog)",
}

// soapUnsure is said of the versions whose web-service calls nobody captured.
const soapUnsure = "whether its calls of web services look as here: no capture of this version is public, so they are played with the fields of Windows 11"

// always spares a step in every run.
func always(why string) Spare { return func(*Profile, *Target) string { return why } }

// unlessSelfUpdates spares a step that this Windows does not make by itself.
func unlessSelfUpdates(p *Profile, _ *Target) string {
	if p.SelfUpdates {
		return ""
	}
	return string(p.Windows) + " does not update its agent this way"
}

// unlessMicrosoft spares a step that Windows makes towards Microsoft alone.
func unlessMicrosoft(*Profile, *Target) string {
	return "Windows asks this of Microsoft's servers only, not of a WSUS"
}

// whileGuessed spares a step towards a port that the server may not have.
func whileGuessed(_ *Profile, t *Target) string {
	if !t.Guessed {
		return ""
	}
	return "nothing says that this server offers TLS at " + t.Secure
}

// notTested says what a run of these steps leaves open.
func notTested(r *Run) []string {
	open := []string{"Microsoft's own servers: the run asks the update server that was given"}
	if r.Target.Kind == WSUS {
		open = append(open,
			"files that no cache has seen, and big ones: the server's own files are asked for, of which "+r.Target.ObjectPath+" is one",
			"RegisterComputer, SyncUpdates and ReportEventBatch, which change a server",
			"whether files are the ones that the server holds: its files are not known, so only parts and wholes are compared")
	}
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
