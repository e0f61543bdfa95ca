package wsus_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// Each server answers in its own words, and what it does not have it refuses as the
// real one would.
func TestMicrosoftSites(t *testing.T) {
	var m wsus.Microsoft
	for _, row := range []struct {
		host, path string
		status     int
		server     string
		start      string // of the body
	}{
		{"download.windowsupdate.com", "/microsoftupdate/v6/wsusscan/wsusscn2.cab?x", 200, "ECAcc (frc/8F4A)", "MSCF"},
		{"11.AU.download.windowsupdate.com.:80", "/MicrosoftUpdate/v6/wsusscan/wsusscn2.cab", 200, "ECAcc (frc/8F4A)", "MSCF"},
		{"au.download.windowsupdate.com", "/mscomtest/wuidt.gif", 200, "ECAcc (frc/8F4A)", "GIF89a"},
		{"tlu.dl.delivery.mp.microsoft.com", "/", 404, "ECAcc (frc/8F4A)", "<html>"},
		{"tlu.dl.delivery.mp.microsoft.com", "/filestreamingservice/files/00000000-0000-0000-0000-000000100000", 403, "ECAcc (frc/8F4A)", "<html>"},
		{"slscr.update.microsoft.com", "/", 403, "Microsoft-IIS/10.0", "<html>"},
		{"fe3cr.delivery.mp.microsoft.com", "/", 403, "Microsoft-IIS/10.0", "<html>"},
		{"fe3cr.delivery.mp.microsoft.com", "/ClientWebService/client.asmx", 403, "Microsoft-IIS/10.0", "<html>"},
		{"tsfe.trafficshaping.dsp.mp.microsoft.com", "/", 404, "Microsoft-HTTPAPI/2.0", "<!DOCTYPE"},
		{"emdl.ws.microsoft.com", "/", 400, "AkamaiGHost", "<HTML>"},
		{"oneocsp.microsoft.com", "/ocsp" + wusp.OCSPTarget, 200, "ECAcc (frc/8F4A)", "\x30"},
		{"www.microsoft.com", "/pki/certs/MicRooCerAut2011_2011_03_22.crt", 200, "Microsoft-IIS/10.0", "\x30"},
		{"www.msftconnecttest.com", "/redirect", 302, "", "<a href"},
		{"151.99.72.125", "/microsoftupdate/v6/wsusscan/wsusscn2.cab", 200, "nginx", "MSCF"},
		{"login.live.com", "/", 403, "Microsoft-IIS/10.0", "<html>"},
		{"download.windowsupdate.com", "/../secret", 400, "Microsoft-HTTPAPI/2.0", "<!DOCTYPE"},
	} {
		r := httptest.NewRequest(http.MethodGet, row.path, nil)
		r.Host = row.host
		r.Header.Set("Range", "bytes=0-99")
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		if status := w.Code; status != row.status && !(status == http.StatusPartialContent && row.status == 200) {
			t.Errorf("%s%s: status %d, want %d", row.host, row.path, status, row.status)
		}
		if server := w.Header().Get("Server"); server != row.server || !bytes.HasPrefix(w.Body.Bytes(), []byte(row.start)) {
			t.Errorf("%s%s: of %q, beginning %.20q, want %q and %q", row.host, row.path, server, w.Body, row.server, row.start)
		}
	}
}

// No server of Microsoft's takes another method than its files and services need.
func TestMicrosoftMethods(t *testing.T) {
	var m wsus.Microsoft
	for method, want := range map[string]int{http.MethodPut: 405, http.MethodDelete: 405, http.MethodHead: 200} {
		r := httptest.NewRequest(method, "/microsoftupdate/v6/wsusscan/wsusscn2.cab", nil)
		r.Host = "download.windowsupdate.com"
		w := httptest.NewRecorder()
		if m.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: %d, want %d", method, w.Code, want)
		}
	}
}
