package wuerr

import (
	"fmt"
	"slices"
	"testing"
)

func TestReadings(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string // the form, who logs it so, and the code
	}{
		{"0x80200013", []string{"hexadecimal  0x80200013"}},
		{"80244022", []string{"hexadecimal  0x80244022"}}, // as a decimal number it is no code
		{"[8024402c]", []string{"hexadecimal  0x8024402C"}},
		{"-2145386477", []string{"signed  0x80200013"}},
		{"2149580819", []string{"unsigned  0x80200013"}},
		{"WU_E_PT_HTTP_STATUS_DENIED", []string{"symbol  0x80244017"}},
		{"wininet_e_timeout", []string{"symbol  0x80072EE2"}}, // an alias
		{"WU_E_REDIRECTOR_UNEXPECTED", []string{"symbol  0x802450FF", "symbol  0x80245FFF"}},
		{"12029", []string{"winhttp  0x80072EFD"}},
		{"12152", []string{"winhttp  0x80072F78"}},
		{"12099", []string{"winhttp  0x80072F43"}}, // no error has this number
		{"1058", []string{"win32  0x80070422"}},
		{"10054", []string{"win32  0x80072746"}},
		{"503", []string{"status wua 0x80244022", "status download 0x801901F7", "status linux 0x801901F4"}},
		{"404", []string{"status wua 0x80244019", "status download 0x80190194"}},
		{"416", []string{"status wua 0x8024402B", "status download 0x801901A0", "status linux 0x80190001"}},
		{"450", []string{"status wua 0x8024402B", "status download 0x801901C2", "status linux 0x80190001"}},
		{"206", []string{"status download 0x801900CE"}},
		{"0x80200113", []string{"hexadecimal  0x80200113"}}, // no table has it
		{"12345678", []string{"hexadecimal  0x12345678"}},
		{"", nil}, {"1234", nil}, {"600", nil}, {"0503", nil}, {"+503", nil}, {"range-ignored", nil},
		{"4294967296", nil}, {"-2147483649", nil}, {"2147483647", nil},
	} {
		var got []string
		for _, r := range Readings(tt.text) {
			got = append(got, fmt.Sprint(r.Form, " ", r.By, " ", r.Code))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("Readings(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

// Where the tables know a text in two forms, both are offered, and where in one,
// that alone.
func TestReadingsKnown(t *testing.T) {
	both := func(known ...bool) []func(string) []Reading {
		var readers []func(string) []Reading
		for i, k := range known {
			readers = append(readers, func(string) []Reading { return []Reading{{Code: Code(i), Known: k}} })
		}
		return readers
	}
	for _, tt := range []struct {
		known []bool
		want  []Code
	}{
		{[]bool{true, true}, []Code{0, 1}}, {[]bool{false, true}, []Code{1}}, {[]bool{true, false}, []Code{0}},
		{[]bool{false, false}, []Code{0}}, {nil, nil},
	} {
		var got []Code
		for _, r := range readings("12345678", both(tt.known...)) {
			got = append(got, r.Code)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("of readings known %v, %v are offered, want %v", tt.known, got, tt.want)
		}
	}
}

func TestFacility(t *testing.T) {
	for _, tt := range []struct {
		code              Code
		facility          string
		number            int
		win32, http, curl bool
	}{
		{0x80070424, "WIN32", 0x424, true, false, false},
		{0x80072EFD, "WIN32", 12029, true, false, false},
		{0x00070424, "WIN32", 0x424, false, false, false}, // no failure
		{0x801901F7, "HTTP", 503, false, true, false},
		{0x80190001, "HTTP", 1, false, false, false}, // no status
		{0x80200013, "BACKGROUNDCOPY", 0x13, false, false, false},
		{0x80244022, "WINDOWSUPDATE", 0x4022, false, false, false},
		{0x80D02013, "DELIVERY_OPTIMIZATION", 0x2013, false, false, false},
		{0xC0D00007, "DELIVERY_OPTIMIZATION", 7, false, false, true},
		{0x80040154, "ITF", 0x154, false, false, false},
		{0x80090326, "SECURITY", 0x326, false, false, false},
		{0x803D0010, "WEBSERVICES", 0x10, false, false, false},
		{0x800B0109, "CERT", 0x109, false, false, false},
		{0xFFFFFFFF, "", 0xFFFF, false, false, false},
	} {
		f, ok := tt.code.Facility()
		_, win32 := tt.code.Win32()
		_, http := tt.code.HTTPStatus()
		_, curl := tt.code.Curl()
		if f.Name != tt.facility || ok != (tt.facility != "") || tt.code.Number() != tt.number ||
			win32 != tt.win32 || http != tt.http || curl != tt.curl {
			t.Errorf("%s is of %+v, number %d; Win32 %v, HTTP %v, curl %v", tt.code, f, tt.code.Number(), win32, http, curl)
		}
	}
	if Code(0xA0070005).Customer() != true || Code(0x80070005).Customer() {
		t.Error("the bit of customers is not read")
	}
}

func TestNear(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Code // among them; 0 for none at all
	}{
		{"0x80200031", 0x80200013}, // two digits swapped
		{"0x80300013", 0x80200013},
		{"0x8020013", 0x80200013},
		{"0x802000013", 0x80200013},
		{"804D0010", 0x803D0010},
		{"WU_E_PT_HTTP_STATUS_DENEID", 0x80244017},
		{"BG_E_INSUFFICENT_RANGE_SUPORT", 0x80200013},
		{"1234", 0}, {"range-ignorde", 0}, {"", 0}, {"NO_SUCH_SYMBOL_ANYWHERE", 0},
	} {
		const most = 5
		near := Near(tt.text, most)
		found := slices.ContainsFunc(near, func(e Entry) bool { return e.Code == tt.want })
		if found != (tt.want != 0) || tt.want == 0 && len(near) > 0 || len(near) > most {
			t.Errorf("near %q are %d, %s among them: %v", tt.text, len(near), tt.want, found)
		}
	}
}

// What looks alike is said of both.
func TestAlike(t *testing.T) {
	for _, e := range All() {
		for _, a := range e.Alike {
			other, ok := Lookup(a.Code)
			if !ok || !slices.ContainsFunc(other.Alike, func(b Alike) bool { return b.Code == e.Code }) {
				t.Errorf("%s looks like %s, and not the other way round", e.Code, a.Code)
			}
		}
	}
	if e, _ := Lookup(0x80D02013); len(e.Alike) != 1 || e.Alike[0].Code != BITSNoRange {
		t.Errorf("0x80D02013 looks like %v", e.Alike)
	}
}
