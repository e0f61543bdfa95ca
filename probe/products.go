package probe

// A Product is a program or a box that updates pass through, or come from. It is
// a row of Products and never changes.
type Product struct {
	Name  string // in lower case: of reports, and of their field fixes
	Title string // as its maker writes it
	Signs []Sign // by which it is recognised; none for one that hides
}

// A Sign is something by which a product shows itself.
type Sign struct {
	In     string // the name of a field of an answer, or one of the constants below
	Has    string // what stands in it, in any case; a leading ^ ties it to the start of the value
	Own    bool   // it stands only in what the product itself says: it writes it into no answer that it passes on
	Source string
	Sure   Sure
}

// Where a sign stands that is in no field.
const (
	InPage   = "page"        // the start of a body that the product made up
	InReason = "status line" // behind the number
	InIssuer = "issuer"      // of a certificate that an inspecting product signed
)

// The products.
var (
	Squid         = &Product{Name: "squid", Title: "Squid"}
	Apache        = &Product{Name: "apache", Title: "Apache httpd"}
	Nginx         = &Product{Name: "nginx", Title: "nginx"}
	HAProxy       = &Product{Name: "haproxy", Title: "HAProxy"}
	TrafficServer = &Product{Name: "trafficserver", Title: "Apache Traffic Server"}
	Privoxy       = &Product{Name: "privoxy", Title: "Privoxy"}
	Tinyproxy     = &Product{Name: "tinyproxy", Title: "tinyproxy"}
	Varnish       = &Product{Name: "varnish", Title: "Varnish"}
	Mitmproxy     = &Product{Name: "mitmproxy", Title: "mitmproxy"}
	ProxySG       = &Product{Name: "proxysg", Title: "Symantec ProxySG"}
	Skyhigh       = &Product{Name: "skyhigh", Title: "Skyhigh (McAfee) Web Gateway"}
	Zscaler       = &Product{Name: "zscaler", Title: "Zscaler"}
	PaloAlto      = &Product{Name: "paloalto", Title: "Palo Alto Networks"}
	FortiGate     = &Product{Name: "fortigate", Title: "FortiGate"}
	Sophos        = &Product{Name: "sophos", Title: "Sophos"}
	CiscoSWA      = &Product{Name: "ciscoswa", Title: "Cisco Secure Web Appliance"}
	SonicWall     = &Product{Name: "sonicwall", Title: "SonicWall"}
	IIS           = &Product{Name: "iis", Title: "IIS and WSUS"}
)

// Products lists every product.
var Products = []*Product{Squid, Apache, Nginx, HAProxy, TrafficServer, Privoxy, Tinyproxy, Varnish, Mitmproxy,
	ProxySG, Skyhigh, Zscaler, PaloAlto, FortiGate, Sophos, CiscoSWA, SonicWall, IIS}
