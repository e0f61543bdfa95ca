package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"proxycheck/probe"
	"proxycheck/probe/report"
)

// runFlags are the flags of the command run.
type runFlags struct {
	proxy, proxyUser, passwordFile string
	server, serverTLS, ca, object  string
	as, steps                      string
	maxTime, timeout               time.Duration
	maxBytes                       string
	faults, products               []string
	failOn                         string
	quick, register, dryRun        bool
	ladders                        bool
	idle                           time.Duration
	repeat                         int
	compareDirect                  string
	seen                           []string
	resolver, domain               string
	listed                         listFlags
	address                        string
	enforcePinning                 bool
	connections                    int
	output                         output
}

func (f *runFlags) define(fs *pflag.FlagSet) {
	fs.StringVar(&f.proxy, "proxy", "system", "the proxy: `URL`, system (environment or WinHTTP), embedded or none")
	fs.StringVar(&f.proxyUser, "proxy-user", "", "`USER` for a proxy that asks for Basic or NTLM; the password is in PROXYCHECK_PROXY_PASSWORD")
	fs.StringVar(&f.passwordFile, "proxy-password-file", "", "`FILE` with that password")
	fs.StringVar(&f.server, "server", "microsoft", "the update server: `URL` such as http://wsus:8530, microsoft, or embedded")
	fs.StringVar(&f.serverTLS, "server-tls", "", "`HOST:PORT` at which it has TLS (default 8531 for 8530, 443 for 80)")
	fs.StringVar(&f.ca, "ca", "", "`FILE` with the root of the server's certificate, as PEM")
	fs.BoolVar(&f.enforcePinning, "enforce-pinning", false, "clients take no certificate for the WSUS but those in their WSUS store: an inspecting root that they trust is a failure too")
	fs.StringVar(&f.object, "object", "", "`PATH` of the file to fetch from a WSUS (default /selfupdate/wuident.cab)")
	fs.StringVar(&f.as, "as", "win11", "the `WINDOWS` to play: win11, win10, win8.1, win7, vista or xp")
	fs.StringVar(&f.steps, "steps", "*", "`GLOB` of the steps to make, several with commas")
	fs.BoolVar(&f.quick, "quick", false, "make only the steps that find what breaks most often")
	fs.BoolVar(&f.ladders, "ladders", false, "find also how long heads, URLs and bodies may be, and the like")
	fs.DurationVar(&f.idle, "idle", 0, "wait for this `TIME` at most to see when an idle connection is closed")
	fs.IntVar(&f.repeat, "repeat", 0, "make the run `N` times at every address of the proxy's name, each within the limits of one")
	fs.StringVar(&f.compareDirect, "compare-direct", "auto", "try what failed without the proxy too, to see whose fault it is: `WHEN` is auto (where nothing else tells), yes or no")
	f.listed.define(fs, "of Microsoft's hosts to ask: ")
	fs.IntVar(&f.connections, "connections", probe.MicrosoftLanes, "the most connections, `N` of them, to Microsoft at once")
	fs.StringVar(&f.address, "address", "", "the `ADDRESS` at which the proxy finds Microsoft's files, to ask for them by it")
	fs.StringSliceVar(&f.seen, "seen", nil, "`CODE` that Windows showed: say whether what is found explains it; several with commas")
	fs.StringVar(&f.resolver, "resolver", "", "ask the name server at `ADDRESS`, with its port or without, for the proxy's name (default: those of this system)")
	fs.StringVar(&f.domain, "domain", "", "look for the proxy as clients of this `DOMAIN` do that detect it: by the names wpad.DOMAIN")
	fs.BoolVar(&f.register, "register", false, "make also the calls that change what a WSUS keeps of its clients")
	fs.BoolVar(&f.dryRun, "dry-run", false, "print the requests of the run and send nothing")
	fs.DurationVar(&f.maxTime, "max-time", 30*time.Second, "the most `TIME` that the run takes")
	fs.StringVar(&f.maxBytes, "max-bytes", "8MiB", "the most `BYTES` that the run moves")
	fs.DurationVar(&f.timeout, "timeout", 15*time.Second, "the `TIME` for each phase of an exchange")
	fs.StringArrayVar(&f.faults, "fault", nil, "`NAME` of a fault of the embedded net; may be repeated")
	fs.StringArrayVar(&f.products, "product", nil, "`NAME` of a product for the embedded net, which has several faults; may be repeated")
	fs.StringVar(&f.failOn, "fail-on", "fail", "exit with 1 from this `GRADE` on: warn or fail")
	f.output.define(fs, "junit")
	f.output.defineStyle(fs)
}

func runCommand(c *call) error {
	var f runFlags
	f.define(c.flags)
	if err := c.parse(0); err != nil {
		return err
	}
	if err := f.check(c.flags); err != nil {
		return err
	}
	if c.flags.Changed("seen") && len(f.seen) == 0 {
		return usage("--seen is empty: want a code such as 0x80200013")
	}
	codes, err := seenCodes(f.seen)
	if err != nil {
		return err
	}
	client, about, closer, err := f.client(c.flags)
	if err != nil {
		return err
	}
	about.Seen = codes
	defer closer()
	if client.Steps, err = f.selected(client); err != nil {
		return err
	}
	if f.dryRun {
		return f.output.write(c.stdout, client.DryRun)
	}
	progress := newProgress(c.stderr, f.output.quiet, len(client.Steps))
	client.Progress = progress.step
	run, err := f.run(c, client)
	if err != nil {
		return usage("--repeat: %w", err)
	}
	f.compare(c, client, run)
	progress.clear()
	if c.Err() != nil {
		run.StoppedBy = "interrupt" // also where only something to be measured was left
	}
	r := probe.Conclude(run, about)
	if err := f.output.report(c.stdout, r, probe.Grade(f.failOn)); err != nil {
		return err
	}
	return f.exit(r)
}

// run makes the run, once or as often as the flags want it.
func (f *runFlags) run(ctx context.Context, c *probe.Client) (*probe.Run, error) {
	if f.repeat > 0 {
		return c.RunRepeated(ctx, f.repeat, f.maxTime)
	}
	limited, cancel := context.WithTimeoutCause(ctx, f.maxTime, probe.ErrTime)
	defer cancel()
	return c.Run(limited), nil
}

// compare tries without the proxy what failed in a run, in what is left of its
// time. Of a run that is repeated, it takes the time of one more.
func (f *runFlags) compare(ctx context.Context, c *probe.Client, run *probe.Run) {
	if f.compareDirect == "no" || ctx.Err() != nil {
		return
	}
	left := f.maxTime
	if f.repeat == 0 {
		left -= time.Since(run.Started)
	}
	limited, cancel := context.WithTimeoutCause(ctx, left, probe.ErrTime)
	defer cancel()
	c.CompareDirect(limited, run, probe.Failed(run, f.compareDirect == "yes"))
}

// exit is the end that the verdict calls for.
func (f *runFlags) exit(r *probe.Report) error {
	switch {
	case r.Verdict == probe.StatusFail, r.Verdict == probe.StatusWarn && f.failOn == "warn":
		return &exitError{status: exitFound}
	case r.Verdict == probe.StatusUnknown:
		return &exitError{status: exitUnknown}
	}
	return nil
}

// check finds what is wrong with the flags by themselves.
func (f *runFlags) check(fs *pflag.FlagSet) error {
	for _, r := range f.refusals(fs) {
		if r.when {
			return usage("%s", r.text)
		}
	}
	return f.output.check()
}

// A refusal says what is wrong with the flags, when they are so.
type refusal struct {
	when bool
	text string
}

// refusals are what flags cannot say, by themselves or together.
func (f *runFlags) refusals(fs *pflag.FlagSet) []refusal {
	ownNet := f.server == "embedded" || f.server == "microsoft" // whose faults can be chosen
	login := f.proxyUser != "" || f.passwordFile != ""
	return []refusal{
		{f.server == "", "--server is empty: want the URL of the update server, such as http://wsus:8530, microsoft or embedded"},
		{strings.HasPrefix(f.proxy, "pac+"), fmt.Sprintf("--proxy %s: scripts are not evaluated yet: give the URL of the proxy that it names", redacted(f.proxy))},
		{f.failOn != "warn" && f.failOn != "fail", fmt.Sprintf("--fail-on %q: want warn or fail", f.failOn)},
		{len(f.faults) > 0 && !ownNet, "--fault goes with --server embedded or microsoft alone: no other net can be broken"},
		{len(f.products) > 0 && !ownNet, "--product goes with --server embedded or microsoft alone: no other net can be broken"},
		{f.proxy == "embedded" && !ownNet, "--proxy embedded reaches nothing but --server embedded and microsoft"},
		{f.proxy == "embedded" && login, "--proxy embedded wants no login: leave out --proxy-user"},
		{noList(fs, f.listed.lists), noListText},
		{f.server != "microsoft" && (len(f.listed.lists) > 0 || f.listed.csv != "" || f.address != "" || fs.Changed("connections")), "--list, --endpoints, --connections and --address go with --server microsoft"},
		{f.connections < 1 || f.connections > 256, fmt.Sprintf("--connections %d: want a number from 1 to 256", f.connections)},
		{f.server == "microsoft" && (f.serverTLS != "" || f.object != "" || f.register), "--server microsoft knows its own ports and files: leave out --server-tls, --object and --register"},
		{f.server == "microsoft" && f.enforcePinning, "--enforce-pinning is for a WSUS: which of Microsoft's hosts are pinned is known"},
		{f.server == "microsoft" && f.proxy == "none" && f.simulated(), "--proxy none leaves out the embedded proxy, in which --fault and --product are: leave out one of them"},
		{f.server == "microsoft" && f.ladders, "--ladders measures what a WSUS takes: what Microsoft's servers do is not known"},
		{len(f.faults) > 0 && fs.Changed("proxy") && f.proxy != "none", "--fault and --proxy exclude each other: a fault is in the embedded proxy"},
		{len(f.products) > 0 && fs.Changed("proxy") && f.proxy != "none", "--product and --proxy exclude each other: a product is the embedded proxy"},
		{f.server == "embedded" && f.proxy == "system" && login, "--server embedded brings its own proxy, which wants no login: leave out --proxy-user, or give --proxy"},
		{f.proxy == "none" && login, "--proxy none and a login for the proxy exclude each other"},
		{f.server == "embedded" && (f.serverTLS != "" || f.ca != "" || f.object != ""), "--server embedded knows its own TLS port, root and files: leave out --server-tls, --ca and --object"},
		{!slices.Contains([]string{"auto", "yes", "no"}, f.compareDirect), fmt.Sprintf("--compare-direct %q: want auto, yes or no", f.compareDirect)},
		{f.compareDirect == "yes" && f.proxy == "none", "--compare-direct yes wants a proxy to compare with, and --proxy none has none"},
		{f.repeat < 0 || f.repeat > 1000, fmt.Sprintf("--repeat %d: want a number up to 1000", f.repeat)},
		{f.maxTime <= 0 || f.timeout <= 0, "--max-time and --timeout want more than nothing, such as 30s"},
		{f.idle < 0 || f.idle >= f.maxTime, fmt.Sprintf("--idle %s: want less than --max-time, which is %s", f.idle, f.maxTime)},
	}
}

// client is the client that the flags describe, what is to be said of it, and
// what ends it.
func (f *runFlags) client(fs *pflag.FlagSet) (c *probe.Client, about probe.About, closer func(), err error) {
	about = probe.About{Version: version, Server: f.server, Direct: "--compare-direct " + f.compareDirect, Command: f.command(fs), RunAs: runAs()}
	if f.server == "microsoft" {
		c, closer, err = f.microsoft(&about)
	} else if f.server == "embedded" && (f.proxy == "system" || f.simulated()) {
		c, closer, err = f.embedded()
		switch {
		case err != nil:
		case c.Proxy == "":
			about.Source = "as the fault wants it"
		case f.proxy == "none":
			closer()
			err = usage("--proxy none leaves out the embedded proxy, at which this acts: proxycheck list faults has those without one, such as path-block-page")
		default:
			about.Proxy, about.Source = "http://"+c.Proxy, "the embedded one"
		}
	} else {
		c, closer, err = f.real(&about)
	}
	if err != nil {
		return nil, about, nil, err
	}
	if err := f.nameService(c); err != nil {
		closer()
		return nil, about, nil, err
	}
	if c.Profile, err = probe.LookupProfile(f.as); err == nil {
		if c.MaxBytes, err = report.ParseBytes(f.maxBytes, 1<<60); err != nil {
			err = fmt.Errorf("--max-bytes %w", err)
		}
	}
	if err != nil {
		closer()
		return nil, about, nil, usage("%w", err)
	}
	c.Timeout, c.Register, c.IdleTime = f.timeout, f.register, f.idle
	c.Target.Pinned = f.enforcePinning
	return c, about, closer, nil
}

// embedded is a client in a net of its own, with the faults asked for.
func (f *runFlags) embedded() (*probe.Client, func(), error) {
	n, err := newNet("", f.faults, f.products...)
	if err != nil {
		return nil, nil, err
	}
	return n.Client(f.timeout), n.Close, nil
}

// real is a client on the network of this machine.
func (f *runFlags) real(about *probe.About) (*probe.Client, func(), error) {
	c, closer := &probe.Client{}, func() {}
	var err error
	if f.server == "embedded" { // the server alone, for a proxy that is not ours
		n, err := newNet("", nil)
		if err != nil {
			return nil, nil, err
		}
		c.Target, closer = n.Target(), n.Close
	} else if c.Target, err = f.target(); err != nil {
		return nil, nil, err
	}
	scheme := "http"
	if c.Target.TLS {
		scheme = "https"
	}
	if err := f.throughProxy(c, about, scheme, c.Target.Host); err != nil {
		closer()
		return nil, nil, err
	}
	return c, closer, nil
}

// throughProxy sets c up with the proxy that the flags mean for a server.
func (f *runFlags) throughProxy(c *probe.Client, about *probe.About, scheme, server string) error {
	p, err := chooseProxy(f.proxy, scheme, server)
	if err == nil {
		err = p.login(f.proxyUser, f.passwordFile)
	}
	if err != nil {
		return err
	}
	c.Proxy, c.Login = p.address, p.credentials
	about.Proxy, about.Source = p.shown, p.source
	return nil
}

// selected are the steps that the flags choose.
func (f *runFlags) selected(c *probe.Client) ([]*probe.Step, error) {
	var steps []*probe.Step
	all := c.AllSteps()
	if f.quick {
		all = probe.QuickOf(all)
	}
	if f.ladders {
		all = append(all, probe.LaddersOf()...)
	}
	for glob := range strings.SplitSeq(f.steps, ",") {
		found := false
		for _, s := range all {
			match, err := matches(glob, s)
			if err != nil {
				return nil, usage("--steps %q: not a pattern: %w", glob, err)
			}
			found = found || match
		}
		if !found {
			return nil, usage("--steps %q matches no step of %s%s", glob, f.as, near(strings.ToLower(strings.Trim(glob, "*?-@")), stepNames(all)))
		}
	}
	for _, s := range all { // in their own order
		for glob := range strings.SplitSeq(f.steps, ",") {
			if match, _ := matches(glob, s); match {
				steps = append(steps, s)
				break
			}
		}
	}
	return probe.WithControls(steps, all), nil
}

// matches tells whether a glob matches the name of a step, or that of a repetition.
func matches(glob string, s *probe.Step) (bool, error) {
	glob = strings.TrimSpace(glob)
	if match, err := path.Match(glob, s.Name); match || err != nil {
		return match, err
	}
	return path.Match(glob, s.ID())
}

func stepNames(steps []*probe.Step) []string {
	var names []string
	for _, s := range steps {
		if s.Variant == "" {
			names = append(names, s.Name)
		}
	}
	return names
}

// command is the command line that makes this run again, without any login but
// the name of its user.
func (f *runFlags) command(fs *pflag.FlagSet) string {
	words := []string{"proxycheck", "run"}
	add := func(flag, value string) { words = append(words, "--"+flag, shellQuoted(value)) }
	fs.Visit(func(flag *pflag.Flag) {
		switch flag.Name {
		case "fault":
			for _, name := range f.faults {
				add(flag.Name, name)
			}
		case "product":
			for _, name := range f.products {
				add(flag.Name, name)
			}
		case "proxy":
			value := redacted(f.proxy)
			if user, rest, found := strings.Cut(value, "***@"); found {
				value = user + rest
				if u, err := url.Parse(f.proxy); err == nil && u.User != nil {
					add("proxy-user", u.User.Username())
				}
			}
			add(flag.Name, value)
		case "seen":
			add(flag.Name, strings.Join(f.seen, ","))
		case "list":
			add(flag.Name, strings.Join(f.listed.lists, ","))
		case "format", "output", "quiet", "verbose":
		case "quick", "register", "ladders", "dry-run", "enforce-pinning":
			words = append(words, "--"+flag.Name)
		default:
			add(flag.Name, flag.Value.String())
		}
	})
	return strings.Join(words, " ")
}

// shellQuoted is a word as a shell takes it.
func shellQuoted(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,=@%+[]") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// runAs is who runs this program, and where.
func runAs() probe.RunAs {
	r := probe.RunAs{OS: runtime.GOOS, Elevated: os.Geteuid() == 0}
	r.Host, _ = os.Hostname()
	if u, err := user.Current(); err == nil {
		r.Account = u.Username
	}
	return r
}
