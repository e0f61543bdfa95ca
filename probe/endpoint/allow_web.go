package endpoint

import "strings"

// pac sends what is listed to a proxy, in the JavaScript of 1999 that WinHTTP knows.
func pac(p *page) {
	p.mark = "//"
	p.head(
		"A whole PAC file. For one that there is: take windowsUpdate() and what is above it,",
		"and put its if as the first line of FindProxyForURL.")
	pacNames(p, "windowsUpdate80", plainHTTP)
	pacNames(p, "windowsUpdate443", tunnels)
	var paths []string
	for _, e := range p.parts(plainHTTP) {
		paths = append(paths, strings.ToLower(e.String()))
	}
	p.say("Parts of hosts, by plain HTTP.")
	pacArray(p, "windowsUpdatePaths", paths)
	p.line(`
// Tells whether a host is one of names, or under one that begins with a dot.
function windowsUpdateHas(names, host) {
	for (var i = 0; i < names.length; i++) {
		var name = names[i], from = host.length - name.length;
		if (host == name || (name.charAt(0) == "." && from > 0 && host.substring(from) == name)) {
			return true;
		}
	}
	return false;
}

// Tells whether a URL begins with one of paths, or is one that has no final star.
function windowsUpdateBegins(paths, url) {
	for (var i = 0; i < paths.length; i++) {
		var last = paths[i].length - 1, star = paths[i].charAt(last) == "*";
		if (star ? url.substring(0, last) == paths[i].substring(0, last) : url == paths[i]) {
			return true;
		}
	}
	return false;
}

function windowsUpdate(url, host) {
	url = url.toLowerCase();
	host = host.toLowerCase();
	var colon = url.indexOf("://"), scheme = url.substring(0, colon);
	var rest = url.substring(colon + 3), slash = rest.indexOf("/");
	var authority = slash < 0 ? rest : rest.substring(0, slash);
	if (scheme == "https" && (authority == host || authority == host + ":443")) {
		return windowsUpdateHas(windowsUpdate443, host);
	}
	if (scheme == "http" && (authority == host || authority == host + ":80")) {
		return windowsUpdateHas(windowsUpdate80, host) ||
			(slash >= 0 && windowsUpdateBegins(windowsUpdatePaths, host + rest.substring(slash)));
	}
	return false;
}

function FindProxyForURL(url, host) {
	if (windowsUpdate(url, host)) {
		return "PROXY %s";
	}
	// Your own rules for all other hosts.
	return "DIRECT";
}`, plainText(p.Proxy))
}

// pacNames defines an array of names, those with a dot before them for what is under
// them.
func pacNames(p *page, array string, use func(*Allowed) bool) {
	var names []string
	for _, e := range p.only(use) {
		names = append(names, e.dotted())
	}
	pacArray(p, array, names)
}

func pacArray(p *page, array string, words []string) {
	if len(words) == 0 {
		p.line("var %s = [];", array)
		return
	}
	p.line("var %s = [\n\t\"%s\"\n];", array, strings.Join(words, "\",\n\t\""))
}

// nginx is a forward proxy for what is listed of plain HTTP.
func nginx(p *page) {
	p.head(
		"A file for http { }, such as /etc/nginx/conf.d/windowsupdate.conf. nginx knows no",
		"CONNECT: what is listed for port 443 needs another proxy, and is not in it.",
		"The address to listen on and the resolver are to be changed to yours.")
	p.say("Names, by plain HTTP. Here a star stands for names below, at any depth.")
	p.line("map $host $windowsupdate_host {\n\thostnames;\n\tdefault 0;")
	p.each(p.only(plainHTTP), func(e *Allowed) string { return "\t" + e.String() + " 1;" })
	p.line("}")
	p.say("Parts of hosts, by plain HTTP. nginx has resolved the dots in $uri.")
	p.line("map $host$uri $windowsupdate_path {\n\tdefault 0;")
	p.each(p.parts(plainHTTP), func(e *Allowed) string { return "\t~*^" + e.hostRegexp() + e.pathRegexp() + "$ 1;" })
	p.line(`}
# A URL with no port or with 80, and no request for this server itself.
map $request $windowsupdate_port {
	default 0;
	~*^[A-Z]+\x20http://[-A-Za-z0-9.]+(:80)?[/?\x20] 1;
}
map $windowsupdate_port$windowsupdate_host$windowsupdate_path $windowsupdate {
	default 0;
	~^11 1;
	101 1;
}

server {
	listen 127.0.0.1:3128;
	resolver 127.0.0.1;
	location / {
		if ($windowsupdate = 0) {
			return 403;
		}
		proxy_http_version 1.1;
		proxy_set_header Host $host;
		proxy_set_header Connection "";
		proxy_max_temp_file_size 0;
		proxy_pass http://$host:80$request_uri;
	}
}`)
}

// haproxy sets an acl for what is listed.
func haproxy(p *page) {
	p.head(
		"In a frontend with mode http that clients have as their proxy, or that stands before",
		"their proxies, above its rules. It allows and denies nothing by itself: the acl",
		"windowsupdate is for your rules, as in",
		"	http-request deny if blocked !windowsupdate",
		"	http-request auth unless windowsupdate or { http_auth(users) }",
		"HAProxy opens no tunnels itself: what is listed for port 443 is for proxies behind it.")
	p.line("http-request set-var(txn.windowsupdate_host) req.hdr(host),host_only,lower")
	p.line("http-request set-var(txn.windowsupdate_port) req.hdr(host),port_only")
	if rules := p.only(plainHTTP); len(rules) > 0 {
		p.gap()
		p.say("Plain HTTP, port 80:")
		p.each(rules, haproxyName("windowsupdate-80"))
		p.line("acl windowsupdate-port-80 var(txn.windowsupdate_port) -m int 0 80")
		p.line("http-request set-var(txn.windowsupdate) bool(true) if !METH_CONNECT windowsupdate-port-80 windowsupdate-80")
	}
	if paths := p.parts(plainHTTP); len(paths) > 0 {
		p.gap()
		p.say("Parts of hosts, by plain HTTP:")
		p.line("http-request set-var-fmt(txn.windowsupdate_url) %%[var(txn.windowsupdate_host)]%%[path]")
		p.each(paths, func(e *Allowed) string {
			return "acl windowsupdate-paths var(txn.windowsupdate_url) -i -m reg ^" + e.hostRegexp() + e.pathRegexp() + "$"
		})
		p.line("acl windowsupdate-paths-80 var(txn.windowsupdate_port) -m int 0 80")
		p.line("http-request set-var(txn.windowsupdate) bool(true) if !METH_CONNECT windowsupdate-paths-80 windowsupdate-paths")
	}
	if rules := p.only(tunnels); len(rules) > 0 {
		p.gap()
		p.say("Tunnels to port 443:")
		p.each(rules, haproxyName("windowsupdate-443"))
		p.line("acl windowsupdate-port-443 url -m end :443")
		p.line("http-request set-var(txn.windowsupdate) bool(true) if METH_CONNECT windowsupdate-port-443 windowsupdate-443")
	}
	p.gap()
	p.line("acl windowsupdate var(txn.windowsupdate) -m bool")
	p.say("To refuse all else:", "http-request deny deny_status 403 unless windowsupdate")
}

// haproxyName is the line of a name of an acl.
func haproxyName(acl string) func(*Allowed) string {
	return func(e *Allowed) string {
		if e.Under {
			return "acl " + acl + " var(txn.windowsupdate_host) -m end ." + e.Name
		}
		return "acl " + acl + " var(txn.windowsupdate_host) -m str " + e.Name
	}
}

// privoxy takes block and filters from what is listed.
func privoxy(p *page) {
	p.head(
		"A file of its own, such as /etc/privoxy/windowsupdate.action, which the configuration",
		"names last, as the last section that fits decides:",
		"	actionsfile windowsupdate.action",
		"To refuse all else, take the # from the next two lines:",
		"{ +block{Only Windows Update is allowed.} }",
		"/")
	p.line("{ -block -filter -deanimate-gifs -fast-redirects -handle-as-empty-document -handle-as-image -prevent-compression +limit-connect{443} }")
	p.say("Plain HTTP, port 80:")
	p.each(p.only(plainHTTP), func(e *Allowed) string { return privoxyName(e) + ":80/" })
	p.each(p.parts(plainHTTP), func(e *Allowed) string { return privoxyName(e) + ":80" + e.pathRegexp() + anyQuery + "$" })
	p.say("Tunnels to port 443:")
	p.each(p.only(tunnels), func(e *Allowed) string { return privoxyName(e) + ":443" })
}

// privoxyName is the pattern of names. One that begins with a dot stands for all that
// ends so, and the star for at least one label more.
func privoxyName(e *Allowed) string {
	if e.Under {
		return ".*." + e.Name
	}
	return e.Name
}

// tinyproxy is the file of a filter.
func tinyproxy(p *page) {
	p.head(
		"A file such as /etc/tinyproxy/windowsupdate, with these lines in tinyproxy.conf (since",
		"1.11), by which nothing but what is listed passes: it knows no other exception.",
		"	Filter \"/etc/tinyproxy/windowsupdate\"",
		"	FilterType ere",
		"	FilterURLs On",
		"	FilterDefaultDeny Yes",
		"	ConnectPort 443",
		"No BasicAuth, from which nothing can be exempt.")
	p.say("Plain HTTP, port 80:")
	p.each(p.only(plainHTTP), func(e *Allowed) string { return "^http://" + e.hostRegexp() + "(:80)?(/.*)?$" })
	p.each(p.parts(plainHTTP), (*Allowed).urlRegexp)
	p.say("Tunnels to port 443:")
	p.each(p.only(tunnels), func(e *Allowed) string { return "^" + e.hostRegexp() + ":443$" })
}
