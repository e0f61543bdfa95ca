package main

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"proxycheck/probe"
	"proxycheck/probe/report"
	"proxycheck/probe/wuerr"
)

// The words of explain, in one place for a translation to replace. What is said of
// a code itself stands in the tables of package wuerr.
var (
	headings = struct {
		madeBy, aliases, written, bits, cause, phase, fix, shownIn, carriers string
		notes, alike, near, source, recognised, mends                        string
	}{
		madeBy: "defined by", aliases: "also called", written: "also written", bits: "made of",
		cause: "what causes it on the network", phase: "phase of an update", fix: "what to do",
		shownIn: "where Windows shows it", carriers: "findings that carry it",
		notes: "what the documents say of it", alike: "easily taken for", near: "codes that look like it",
		source: "source", recognised: "recognised by", mends: "what one types into it is known against",
	}
	phrases = struct {
		readAs, several, unknown, otherStatus, inferred            string
		failure, success, customer, facility, number               string
		winhttp, win32, http, curl                                 string
		loggedBy, shownBy, noFault, noFinding, ownSign, onVersions string
		advice                                                     string
	}{
		readAs: "== %s as %s: %s", several: "== %s, the %s",
		unknown:     "no table has it; it is explained as far as its bits tell",
		otherStatus: "The name is that of another status, under which that agent puts this one; proxycheck explain %s says the rest.",
		inferred:    " (no document says so: it follows from what the code means)",

		failure: "failure", success: "success, and no failure", customer: "not made by Microsoft",
		facility: "facility %d %s: %s", number: "number 0x%04X",
		winhttp: "WinHTTP error %d", win32: "Win32 error %d", http: "HTTP status %d",
		curl: "error %d of curl, as the Linux agent of Delivery Optimization wraps it",

		loggedBy: "logged by", shownBy: "shown by the faults", noFault: "no fault shows it",
		noFinding: "none: no exchange that proxycheck makes brings it about",
		ownSign:   " (only in what it says itself)",

		onVersions: "%s, on %s", advice: "cause: %s\nto mend it: %s",
	}

	// readAs say how a text was read, and of a status who logs it so.
	readAs = map[wuerr.Form]string{
		wuerr.Symbol: "the name of a code", wuerr.Hexadecimal: "hexadecimal", wuerr.Signed: "a signed decimal number",
		wuerr.Unsigned: "a decimal number", wuerr.WinHTTP: "an error of WinHTTP", wuerr.Win32: "an error of Windows",
		wuerr.Status: "an HTTP status",
	}
	loggedAs = map[wuerr.Logger]string{
		wuerr.ByAgent: "as the update agent logs it", wuerr.ByDownloads: "as BITS and Delivery Optimization log it",
		wuerr.ByLinux: "as Delivery Optimization on Linux logs it",
	}

	// advised are the headings of advice, before the versions that it is for.
	advised = map[wuerr.Table]string{wuerr.KB10132: "KB10132", wuerr.Settings: "a setting of the client"}

	// phases say when in an update a code shows.
	phases = map[string]string{
		"config": "before anything is sent: the settings of the client", "resolve": "a name is resolved", "connect": "a connection is made or kept",
		"auth": "a login", "tls": "the handshake of TLS", "selfupdate": "the agent fetches its own files", "soap": "a call of a web service",
		"head": "a download asks for the size of a file", "range": "a download asks for a part of a file", "download": "a download",
		"verify": "what came is verified", "service": "a service of Windows, not the network",
	}
)

// An explanation is what is known of one of the things that a text names.
type explanation struct {
	Kind   string `json:"kind"`              // a singular of the tables
	ReadAs string `json:"read_as,omitempty"` // how the text was read, where it is no name
	row
}

func explainCommand(c *call) error {
	var o output
	o.define(c.flags)
	c.args = numbersLast(c.args)
	if err := c.parse(1); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	what := c.flags.Arg(0)
	if what == "" {
		return usage("explain what? want a code such as 0x80200013, or the name of a finding, a fault, a step or a product")
	}
	all := explanations(what)
	if len(all) == 0 {
		return nothingCalled(what)
	}
	return o.write(c.stdout, func(w io.Writer) error {
		if o.format == "json" {
			return report.JSON(w, map[string]any{"schema": probe.Schema, "explained": all})
		}
		return explain(w, what, all)
	})
}

// negative matches a code as a signed decimal number, which is no flag.
var negative = regexp.MustCompile(`^-[0-9]+$`)

// numbersLast are args with the negative numbers behind all flags.
func numbersLast(args []string) []string {
	var flags, numbers []string
	for _, a := range args {
		if negative.MatchString(a) {
			numbers = append(numbers, a)
		} else {
			flags = append(flags, a)
		}
	}
	if numbers == nil || slices.Contains(args, "--") {
		return args
	}
	return slices.Concat(flags, []string{"--"}, numbers)
}

// explainable are the tables whose rows have names, in the order in which explain
// looks.
var explainable = []struct {
	kind string
	rows func() []row
}{
	{"step", stepRows}, {"finding", findingRows}, {"fault", faultRows}, {"product", productRows}, {"program", programRows},
}

// explanations are those of all that a text can stand for: one name in several
// tables, or one number that is read in several ways.
func explanations(what string) []explanation {
	var all []explanation
	name, _, _ := strings.Cut(what, "@") // one of the repetitions of a step
	for _, t := range explainable {
		for _, r := range t.rows() {
			if strings.EqualFold(r.Name, name) {
				all = append(all, explanation{Kind: t.kind, row: r})
			}
		}
	}
	for _, r := range wuerr.Readings(what) {
		if _, ok := r.Code.Facility(); ok || r.Known {
			all = append(all, explanation{Kind: "code", ReadAs: reading(r), row: readingRow(r)})
		}
	}
	for i := range all {
		all[i].Details = slices.DeleteFunc(all[i].Details, func(d detail) bool { return d.Value == "" })
	}
	return all
}

// reading says how a text was read as a code.
func reading(r wuerr.Reading) string {
	if r.By == "" {
		return readAs[r.Form]
	}
	return readAs[r.Form] + ", " + loggedAs[r.By]
}

// longestName is more letters than any name has.
const longestName = 100

// nothingCalled is the error of a text that names nothing.
func nothingCalled(what string) error {
	if code, err := wuerr.Parse(what); err == nil {
		facility, _ := code.Facility()
		return usage("nothing is known of the code %s, nor of its facility %d%s", code, facility.Number, nearCodes(what))
	}
	if len(what) > longestName {
		return usage("nothing is called %.*q..., or anything else that is so long", longestName, what)
	}
	if near := nearCodes(what); near != "" {
		return usage("nothing is called %q%s", what, near)
	}
	var names []string
	for _, t := range explainable {
		for _, r := range t.rows() {
			names = append(names, r.Name)
		}
	}
	return usage("nothing is called %q%s", what, near(what, names))
}

// mostNear is how many codes are suggested in place of one.
const mostNear = 5

// nearCodes names the codes that look like what somebody mistyped; "" for none.
func nearCodes(what string) string {
	var some []string
	for _, e := range wuerr.Near(what, mostNear) {
		some = append(some, e.Code.String()+" "+e.Symbol)
	}
	if some == nil {
		return ""
	}
	return "; near it are " + strings.Join(some, ", ")
}

// explain writes what a text stands for, one after another, each under a heading
// of its own where there are several or where it is not plain how it was read.
func explain(w io.Writer, what string, all []explanation) error {
	var b strings.Builder
	for i, e := range all {
		if i > 0 {
			b.WriteString("\n")
		}
		if plain := e.ReadAs == "" || e.ReadAs == readAs[wuerr.Hexadecimal] || e.ReadAs == readAs[wuerr.Symbol]; !plain {
			fmt.Fprintf(&b, phrases.readAs+"\n\n", what, e.ReadAs, e.Name)
		} else if len(all) > 1 {
			fmt.Fprintf(&b, phrases.several+"\n\n", e.Name, e.Kind)
		}
		fmt.Fprintf(&b, "%s (%s): %s\n", e.Name, e.Kind, e.Title)
		for _, d := range e.Details {
			fmt.Fprintf(&b, "\n%s\n  %s\n", d.Name, strings.ReplaceAll(strings.TrimSpace(d.Value), "\n", "\n  "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// codeRows are all codes that are known.
func codeRows() []row {
	var rows []row
	for _, e := range wuerr.All() {
		rows = append(rows, codeRow(e))
	}
	return rows
}

// readingRow explains the code of a reading. Of one that the Linux agent puts several
// statuses under, it says that alone: the rest is of another status.
func readingRow(r wuerr.Reading) row {
	e, known := wuerr.Lookup(r.Code)
	switch {
	case r.By == wuerr.ByLinux:
		return row{Name: e.Code.String(), Title: title(e), Details: []detail{{headings.notes, fmt.Sprintf(phrases.otherStatus, e.Code)}}}
	case !known:
		return unknownRow(r.Code)
	}
	return codeRow(e)
}

// title is the line about a code.
func title(e wuerr.Entry) string { return strings.TrimSpace(e.Symbol + "  " + e.Meaning) }

func codeRow(e wuerr.Entry) row {
	cause := e.ProxyCause
	if e.Inferred {
		cause += phrases.inferred
	}
	r := row{Name: e.Code.String(), Title: title(e), Details: []detail{
		{headings.madeBy, e.Part().Title}, {headings.aliases, strings.Join(e.Names()[1:], ", ")},
		{headings.written, decimals(e.Code)}, {headings.bits, bits(e.Code)},
		{headings.phase, phases[e.Phase]}, {headings.cause, cause},
		{headings.carriers, carriers(e.Code)}, {headings.fix, e.Fix}, {headings.shownIn, e.Part().ShownIn},
	}}
	var notes []string
	for _, n := range e.Notes {
		notes = append(notes, fmt.Sprintf("%s (%s)", n.Text, n.Source))
	}
	r.Details = append(r.Details, detail{headings.notes, strings.Join(notes, "\n")})
	for _, a := range e.Alike {
		r.Details = append(r.Details, detail{headings.alike + " " + a.Code.String() + " " + a.Code.Symbol(), fmt.Sprintf("%s (%s)", a.Difference, a.Source)})
	}
	for _, a := range e.Advice {
		r.Details = append(r.Details, detail{fmt.Sprintf(phrases.onVersions, advised[a.Table], a.On()), fmt.Sprintf(phrases.advice, a.Cause, a.Mend)})
	}
	return row{r.Name, r.Title, append(r.Details, detail{headings.source, e.Source})}
}

// unknownRow explains a code that no table has.
func unknownRow(c wuerr.Code) row {
	var near []string
	for _, e := range wuerr.Near(c.String(), mostNear) {
		near = append(near, e.Code.String()+" "+e.Symbol)
	}
	return row{Name: c.String(), Title: phrases.unknown, Details: []detail{
		{headings.bits, bits(c)}, {headings.written, decimals(c)},
		{headings.carriers, carriers(c)}, {headings.near, strings.Join(near, "\n")},
	}}
}

// decimals are the ways in which logs write c as a decimal number.
func decimals(c wuerr.Code) string { return fmt.Sprintf("%d, %d", int32(c), uint32(c)) }

// bits says what the bits of c are, and which number is wrapped in it.
func bits(c wuerr.Code) string {
	parts := []string{phrases.success}
	if c.Failure() {
		parts[0] = phrases.failure
	}
	if c.Customer() {
		parts = append(parts, phrases.customer)
	}
	if f, ok := c.Facility(); ok {
		parts = append(parts, fmt.Sprintf(phrases.facility, f.Number, f.Name, f.Title))
	}
	parts = append(parts, fmt.Sprintf(phrases.number, c.Number()))
	for _, inside := range []struct {
		number func() (int, bool)
		words  string
	}{{c.WinHTTP, phrases.winhttp}, {c.Win32, phrases.win32}, {c.HTTPStatus, phrases.http}, {c.Curl, phrases.curl}} {
		if n, ok := inside.number(); ok {
			parts = append(parts, fmt.Sprintf(inside.words, n))
			break
		}
	}
	return strings.Join(parts, "; ")
}

// carriers names the findings that some Windows logs under c, with who does and
// with the faults that show them.
func carriers(c wuerr.Code) string {
	var b strings.Builder
	for _, f := range probe.Findings {
		var by []string
		for _, coded := range f.LoggedAs(c) {
			if who := logger(coded); !slices.Contains(by, who) {
				by = append(by, who)
			}
		}
		if by == nil {
			continue
		}
		faults := phrases.noFault
		if names := shownBy(f); len(names) > 0 {
			faults = phrases.shownBy + " " + strings.Join(names, ", ")
		}
		fmt.Fprintf(&b, "%s: %s\n  %s %s; %s\n", f.Name, f.Title, phrases.loggedBy, strings.Join(by, "; "), faults)
	}
	return cmp.Or(strings.TrimSpace(b.String()), phrases.noFinding)
}

// logger says which agent logs a code, in which layer and on which versions, and
// how sure that is.
func logger(c probe.Coded) string {
	return strings.TrimSpace(string(c.Agent)+" "+string(c.Layer)) + " (" + string(c.Sure) + span(c) + ")"
}

// span says on which versions of Windows a code is logged; "" for all.
func span(c probe.Coded) string {
	if c.Since == "" && c.Until == "" {
		return ""
	}
	oldest := probe.XP
	if c.Agent == probe.DO {
		oldest = probe.Win10
	}
	return fmt.Sprintf(", %s to %s", cmp.Or(c.Since, oldest), cmp.Or(c.Until, "now"))
}

// programRows are the products that a run recognises and knows mends for.
func programRows() []row {
	var rows []row
	for _, p := range probe.Products {
		var signs, mends []string
		for _, s := range p.Signs {
			sign := strings.TrimSpace(s.In + " " + s.Has)
			if s.Own {
				sign += phrases.ownSign
			}
			signs = append(signs, sign)
		}
		for _, m := range probe.Mends {
			if m.Product == p && !slices.Contains(mends, m.Finding.Name) {
				mends = append(mends, m.Finding.Name)
			}
		}
		rows = append(rows, row{Name: p.Name, Title: p.Title, Details: []detail{
			{headings.recognised, strings.Join(signs, "\n")}, {headings.mends, strings.Join(mends, ", ")},
		}})
	}
	return rows
}
