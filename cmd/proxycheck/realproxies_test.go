//go:build interop

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// A realProxy is a proxy product as Debian packages it, run on a free loopback
// port without system services.
//
// Its configuration, files and variants are templates: {{.Dir}} is a private
// directory, {{.Port}} the port to listen on, {{.Server}} the host:port of the
// one server, for products that must be told, {{.Extra}} the lines of the variant,
// and {{index .In "PLACE"}} those that stand in another place than a variant does,
// as the mends of package probe name it.
type realProxy struct {
	name     string
	needs    []string                        // programs that must exist
	user     string                          // who it is when the tests are root, as in its package
	config   string                          // becomes the file config in the directory
	files    map[string]string               // name -> content of its other files
	command  func(dir, port string) []string // stays in the foreground
	variants map[string]string               // name -> extra configuration lines, a realistic misconfiguration
	leaves   string                          // outside of its directory when it is killed, as a pattern; "" for a product that must be asked to end
	own      []string                        // in pairs, what lines as one types them have for a port or a path, and what that is in these templates

	oneServer bool // it goes to no other server than the one that it is told
}

// alice is as written by htpasswd: her password is s3cret.
const alice = "alice:$apr1$Vq3sJx1f$2c8Dny21Y5HjwVjWG50qH/\n"

// The plain configurations forward to any port, where the packaged ones of
// Squid and Apache wouldn't, so that a test can put its origins on free ports,
// and refer to nothing outside the directory that the product might write to.
// Everything else is as the product or its package has it by default.
var realProxies = []realProxy{{
	name:  "squid",
	needs: []string{"/usr/sbin/squid", "/usr/lib/squid/basic_ncsa_auth", "/usr/lib/squid/security_file_certgen"},
	user:  "proxy",
	// Asked to end, it takes two seconds.
	leaves: "/dev/shm/squid{{.Port}}-*.shm",
	own:    []string{" 3128", " 127.0.0.1:{{.Port}}", "/etc/squid/", "{{.Dir}}/"},
	config: `
{{with index .In "http_port"}}{{.}}{{else}}http_port 127.0.0.1:{{.Port}}{{end}}
sslcrtd_program /usr/lib/squid/security_file_certgen -s {{.Dir}}/certificates -M 4MB
visible_hostname squid.example
dns_nameservers 127.0.0.1
dns_retransmit_interval 1 second
dns_timeout 1 second
pinger_enable off
netdb_filename none
pid_filename none
coredump_dir {{.Dir}}
cache_log {{.Dir}}/cache.log
access_log stdio:{{.Dir}}/access.log
shutdown_lifetime 0 seconds
{{index .In "delay_pools"}}
hosts_file {{.Dir}}/hosts
acl localnet src 127.0.0.1
acl Safe_ports port 80
acl Safe_ports port 21
acl Safe_ports port 443
acl Safe_ports port 1025-65535
{{.Extra}}
http_access allow localhost
http_access deny all
refresh_pattern -i (/cgi-bin/|\?) 0 0% 0
refresh_pattern . 0 20% 4320
`,
	files: map[string]string{
		"passwd": alice,
		// The names of a server for which nobody else is asked.
		"hosts": "127.0.0.1 wsus.example www.msftconnecttest.com crl.microsoft.com\n",
		// By which it signs in the place of servers that it inspects.
		"inspection.pem": signer("Example Corp TLS inspection"),
		// One copy of a cabinet for all its queries.
		"storeid": "^(http:\\/\\/[^?]*\\.cab)\\?\t$1\n",
	},
	command: func(dir, port string) []string {
		// The service name is part of those of its shared memory, which is not
		// in the directory.
		return []string{"/bin/sh", "-c", `/usr/lib/squid/security_file_certgen -c -s "$0/certificates" -M 4MB >"$0/certgen.log" &&
			exec /usr/sbin/squid -N -n "squid$1" -f "$0/config"`, dir, port}
	},
	variants: map[string]string{
		"range-removed": `
request_header_access Range deny all
request_header_access Request-Range deny all
`,
		// So that the first part asked for brings, and keeps, the whole of a small
		// file, and the next is cut from that.
		"range-removed-kept": `
request_header_access Range deny all
request_header_access Request-Range deny all
read_ahead_gap 1 MB
quick_abort_min 1 MB
`,
		// So that a part fetches the whole file.
		"whole-files": `range_offset_limit none`,
		// And keeps it. The log has the bytes of the body that came from the server.
		"whole-files-kept": `
range_offset_limit none
quick_abort_min -1 KB
maximum_object_size_in_memory 4 MB
logformat fetched %Ss %<bs %ru %{Range}>h
access_log stdio:{{.Dir}}/fetched.log fetched
`,
		// As if the update service were down, which it is not.
		"calls-denied": `
acl calls urlpath_regex -i \.asmx
deny_info 503:ERR_CONNECT_FAIL calls
http_access deny calls
`,
		"denied": `http_access deny all`,
		"ntlm-auth": `
auth_param ntlm program /usr/lib/squid/ntlm_fake_auth
auth_param ntlm children 10
auth_param ntlm keep_alive on
acl known proxy_auth REQUIRED
http_access deny !known
`,
		"cab-denied": `
acl cab urlpath_regex -i \.cab$
http_access deny cab
`,
		"size-limited":   `reply_body_max_size 512 KB`,
		"connect-denied": `http_access deny CONNECT`,
		"basic-auth": `
auth_param basic program /usr/lib/squid/basic_ncsa_auth {{.Dir}}/passwd
acl known proxy_auth REQUIRED
http_access deny !known
`,
	},
}, {
	name:  "apache",
	needs: []string{"/usr/sbin/apache2"},
	user:  "www-data",
	// AllowCONNECT adds to the ports of an earlier one, so a variant has to
	// come instead of it. Of the modules, the package loads those from mod_headers
	// on only when told to; they do nothing until a line of theirs is there.
	config: `
ServerRoot {{.Dir}}
DefaultRuntimeDir {{.Dir}}
PidFile {{.Dir}}/pid
Mutex file:{{.Dir}} default
ErrorLog {{.Dir}}/error.log
ServerName 127.0.0.1
ServerTokens OS
ServerSignature On
Listen 127.0.0.1:{{.Port}}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_host_module /usr/lib/apache2/modules/mod_authz_host.so
LoadModule reqtimeout_module /usr/lib/apache2/modules/mod_reqtimeout.so
LoadModule filter_module /usr/lib/apache2/modules/mod_filter.so
LoadModule deflate_module /usr/lib/apache2/modules/mod_deflate.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule proxy_connect_module /usr/lib/apache2/modules/mod_proxy_connect.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule env_module /usr/lib/apache2/modules/mod_env.so
LoadModule setenvif_module /usr/lib/apache2/modules/mod_setenvif.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authn_file_module /usr/lib/apache2/modules/mod_authn_file.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule auth_basic_module /usr/lib/apache2/modules/mod_auth_basic.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
LoadModule rewrite_module /usr/lib/apache2/modules/mod_rewrite.so
LoadModule substitute_module /usr/lib/apache2/modules/mod_substitute.so
LoadModule ratelimit_module /usr/lib/apache2/modules/mod_ratelimit.so
LoadModule cache_module /usr/lib/apache2/modules/mod_cache.so
LoadModule cache_disk_module /usr/lib/apache2/modules/mod_cache_disk.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
LoadModule allowmethods_module /usr/lib/apache2/modules/mod_allowmethods.so
CacheRoot {{.Dir}}
Include /etc/apache2/mods-available/mpm_event.conf
Include /etc/apache2/mods-available/reqtimeout.conf
Include /etc/apache2/mods-available/deflate.conf
ProxyRequests On
<Proxy "*">
Require local
</Proxy>
{{if not (contains .Extra "AllowCONNECT")}}AllowCONNECT 1-65535{{end}}
{{index .In "ProxyRemote"}}
{{.Extra}}
`,
	files: map[string]string{"passwd": alice},
	command: func(dir, _ string) []string {
		return []string{"/usr/sbin/apache2", "-DFOREGROUND", "-d", dir, "-f", dir + "/config"}
	},
	variants: map[string]string{
		"connect-443": `AllowCONNECT 443`,
	},
}, {
	name:  "tinyproxy",
	needs: []string{"/usr/bin/tinyproxy"},
	user:  "tinyproxy",
	own:   []string{"10.0.0.0/8", "127.0.0.1"},
	config: `
Listen 127.0.0.1
Port {{.Port}}
Timeout 600
MaxClients 100
{{if not (contains .Extra "Allow ")}}Allow 127.0.0.1{{end}}
ViaProxyName "tinyproxy"
DefaultErrorFile "/usr/share/tinyproxy/default.html"
StatFile "/usr/share/tinyproxy/stats.html"
LogFile "{{.Dir}}/tinyproxy.log"
LogLevel Info
{{.Extra}}
{{with index .In "the file of Filter, beside FilterURLs On"}}
FilterURLs On
FilterExtended On
Filter "{{$.Dir}}/urls"
{{end}}
{{with index .In "the file of Filter, beside FilterDefaultDeny Yes"}}
FilterDefaultDeny Yes
Filter "{{$.Dir}}/hosts"
{{end}}
`,
	files: map[string]string{
		"urls":  `{{index .In "the file of Filter, beside FilterURLs On"}}`,
		"hosts": `{{index .In "the file of Filter, beside FilterDefaultDeny Yes"}}`,
	},
	command: func(dir, _ string) []string {
		return []string{"/usr/bin/tinyproxy", "-d", "-c", dir + "/config"}
	},
	variants: map[string]string{
		"connect-443": `ConnectPort 443`,
	},
}, {
	name:  "privoxy",
	needs: []string{"/usr/sbin/privoxy"},
	user:  "privoxy",
	config: `
confdir /etc/privoxy
logdir {{.Dir}}
logfile privoxy.log
debug 12288
listen-address 127.0.0.1:{{.Port}}
actionsfile match-all.action
actionsfile default.action
actionsfile {{.Dir}}/user.action
filterfile default.filter
toggle 1
enable-remote-toggle 0
enable-remote-http-toggle 0
enable-edit-actions 0
enforce-blocks 0
buffer-limit 4096
enable-proxy-authentication-forwarding 0
forwarded-connect-retries 0
accept-intercepted-requests 0
allow-cgi-request-crunching 0
split-large-forms 0
keep-alive-timeout 5
tolerate-pipelining 1
socket-timeout 300
{{.Extra}}
{{index .In "config"}}
`,
	files: map[string]string{
		"cab.action":  "{ +block{Cabinet files are not allowed.} }\n/.*\\.cab\n",
		"user.action": `{{index .In "user.action"}}`,
	},
	command: func(dir, _ string) []string {
		return []string{"/usr/sbin/privoxy", "--no-daemon", dir + "/config"}
	},
	variants: map[string]string{
		"cab-blocked": `actionsfile {{.Dir}}/cab.action`,
	},
}, {
	// It knows no CONNECT. Of its defaults, HTTP/1.0 towards servers is a variant:
	// nobody who wants connections to be kept has that.
	name:  "nginx",
	needs: []string{"/usr/sbin/nginx"},
	user:  "www-data",
	config: `
daemon off;
pid {{.Dir}}/pid;
events {}
http {
	include /etc/nginx/mime.types;
	default_type application/octet-stream;
	sendfile on;
	tcp_nopush on;
	gzip on;
	access_log {{.Dir}}/access.log;
	client_body_temp_path {{.Dir}}/body;
	proxy_temp_path {{.Dir}}/proxy;
	fastcgi_temp_path {{.Dir}}/fastcgi;
	uwsgi_temp_path {{.Dir}}/uwsgi;
	scgi_temp_path {{.Dir}}/scgi;
	proxy_cache_path {{.Dir}}/cache keys_zone=files:1m;
	log_format fetched '$upstream_cache_status $upstream_response_length $scheme://$http_host$request_uri $http_range';
	proxy_http_version 1.1;
	{{index .In "http { }"}}
	server {
		listen 127.0.0.1:{{.Port}};
		{{index .In "server { }"}}
		location / {
			{{if not (hasPrefix .Extra "proxy_pass")}}proxy_pass http://$http_host$request_uri;{{end}}
			{{if not (contains .Extra "proxy_set_header Host")}}proxy_set_header Host $http_host;{{end}}
			proxy_set_header Connection "";
			{{.Extra}}
		}
	}
}
`,
	files: map[string]string{"passwd": alice},
	command: func(dir, _ string) []string {
		return []string{"/usr/sbin/nginx", "-e", dir + "/error.log", "-c", dir + "/config"}
	},
	variants: map[string]string{
		// So that a file is fetched to its end, and only once, whoever asked for it.
		"cache": `
			proxy_cache files;
			proxy_cache_valid 200 206 1h;
			proxy_cache_lock on;
			proxy_ignore_client_abort on;
`,
		// The log has the bytes of the body that came from the server.
		"whole-files-kept": `
			proxy_cache files;
			proxy_cache_valid 200 206 1h;
			proxy_cache_lock on;
			access_log {{.Dir}}/fetched.log fetched;
`,
		"http10": `proxy_http_version 1.0;`,
		// As lancache does it.
		"slice": `
			slice 1m;
			proxy_cache files;
			proxy_cache_valid 200 206 1h;
			proxy_cache_key $http_host$uri$slice_range;
			proxy_set_header Range $slice_range;
`,
		"body-limited": `client_max_body_size 16k;`,
	},
}, {
	// In place of its option http_proxy, which is gone, it is told to go to the
	// address in the URL. A CONNECT, of which it can make no tunnel, would go to
	// itself. Of its defaults, three more tries for a server that is down are not
	// here: each comes a second later.
	name:  "haproxy",
	needs: []string{"/usr/sbin/haproxy"},
	user:  "haproxy",
	config: `
global
	{{index .In "global"}}
defaults
	mode http
	timeout connect 5s
	timeout client 50s
	timeout server 50s
	retries 0
	{{index .In "defaults"}}
frontend proxy
	bind 127.0.0.1:{{.Port}}
	http-request deny deny_status 405 if METH_CONNECT
	{{.Extra}}
	{{with index .In "set-dst"}}{{.}}{{else}}http-request set-dst url_ip
	{{if not (contains $.Extra "set-dst-port")}}http-request set-dst-port url_port{{end}}{{end}}
	default_backend anywhere
backend anywhere
	{{index .In "backend"}}
	server anywhere 0.0.0.0:0
`,
	command: func(dir, _ string) []string {
		return []string{"/usr/sbin/haproxy", "-db", "-f", dir + "/config"}
	},
}, {
	// It goes to the one server it knows, also with a CONNECT, and caches what
	// comes from there for two minutes.
	name:      "varnish",
	needs:     []string{"/usr/sbin/varnishd", "/usr/bin/varnishncsa"},
	user:      "vcache",
	oneServer: true,
	config: `
vcl 4.1;
backend server { .host = "{{.Server}}"; }
{{.Extra}}
sub vcl_recv {
{{index .In "vcl_recv"}}
}
sub vcl_backend_response {
{{index .In "vcl_backend_response"}}
}
sub vcl_deliver {
{{index .In "vcl_deliver"}}
}
`,
	command: func(dir, port string) []string {
		// Its other default is to become other users, which only root can.
		return []string{"/usr/sbin/varnishd", "-F", "-j", "none", "-n", dir + "/work",
			"-a", "127.0.0.1:" + port, "-f", dir + "/config", "-s", "malloc,256m"}
	},
}, {
	name:  "trafficserver",
	needs: []string{"/usr/bin/traffic_server"},
	user:  "trafficserver",
	own:   []string{"192.0.2.1", "127.0.0.1"},
	// Only where its files are. Their own names are fixed.
	config: `
prefix: {{.Dir}}
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/bin
sysconfdir: {{.Dir}}
datadir: {{.Dir}}
includedir: /usr/include
libdir: /usr/lib
libexecdir: /usr/lib/trafficserver/modules
localstatedir: {{.Dir}}
runtimedir: {{.Dir}}
logdir: {{.Dir}}
cachedir: {{.Dir}}
`,
	files: map[string]string{
		"records.config": `
CONFIG proxy.config.http.server_ports STRING {{.Port}}:ip-in=127.0.0.1
CONFIG proxy.config.http.connect_ports STRING 1-65535
CONFIG proxy.config.reverse_proxy.enabled INT 0
CONFIG proxy.config.url_remap.remap_required INT 0
CONFIG proxy.config.http.wait_for_cache INT 1
CONFIG proxy.config.admin.user_id STRING #-1
CONFIG proxy.config.crash_log_helper STRING NULL
{{index .In "records.config"}}
`,
		"storage.config": "{{.Dir}} 64M\n",
		"plugin.config":  `{{with index .In "a file of header_rewrite.so"}}header_rewrite.so {{$.Dir}}/rules{{end}}`,
		"rules":          `{{index .In "a file of header_rewrite.so"}}`,
		"ip_allow.yaml": `
ip_allow:
{{index .In "ip_allow.yaml"}}
- {apply: in, ip_addrs: 127.0.0.1, action: allow, methods: ALL}
`,
	},
	command: func(dir, _ string) []string {
		return []string{"/usr/bin/traffic_server", "--run-root=" + dir + "/config"}
	},
}, {
	// It opens every tunnel, which is what it is for. It wants to know who signed a
	// server's certificate, and nobody knows those of the tests.
	name:  "mitmproxy",
	needs: []string{"/usr/bin/mitmdump"},
	user:  "nobody", // its package has none
	files: map[string]string{
		"config.yaml": `
listen_host: 127.0.0.1
listen_port: {{.Port}}
ssl_insecure: true
{{index .In "config.yaml"}}
`,
	},
	command: func(dir, _ string) []string {
		return []string{"/usr/bin/mitmdump", "--set", "confdir=" + dir}
	},
}}

// signer is a new authority of that name: its certificate and its key, as PEM.
func signer(name string) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// start runs p with one of its variants, or plainly if that is "", in front of
// the server at host:port, and returns its own address host:port once it accepts
// connections. It is gone when the test is over.
func (p *realProxy) start(t *testing.T, variant, server string) string {
	t.Helper()
	address, _ := p.startIn(t, variant, server)
	return address
}

// startIn does what start does, and returns the directory of p too.
func (p *realProxy) startIn(t *testing.T, variant, server string) (address, dir string) {
	t.Helper()
	if _, ok := p.variants[variant]; !ok && variant != "" {
		t.Fatalf("%s has no variant %q", p.name, variant)
	}
	return p.startWith(t, map[string]string{"": p.variants[variant]}, server)
}

// startWith does what startIn does, with lines in some places; "" is that of the
// variants.
func (p *realProxy) startWith(t *testing.T, lines map[string]string, server string) (address, dir string) {
	t.Helper()
	for _, program := range p.needs {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is not installed: %v", p.name, err)
		}
	}

	// Another program can take the free port before the product does.
	var err error
	for range 3 {
		dir, port := t.TempDir(), freePort(t)
		if err := p.write(dir, port, lines, server); err != nil {
			t.Fatalf("configuring %s: %v", p.name, err)
		}
		if err = p.run(t, dir, port); err == nil {
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("%s logged:\n%s", p.name, logs(dir))
				}
			})
			return net.JoinHostPort("127.0.0.1", port), dir
		}
	}
	t.Fatalf("starting %s: %v", p.name, err)
	return "", ""
}

// freePort returns a port of 127.0.0.1 nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// write fills in the templates and writes the files to dir.
func (p *realProxy) write(dir, port string, lines map[string]string, server string) error {
	in := map[string]string{}
	data := map[string]any{"Dir": dir, "Port": port, "Server": server, "In": in}
	for place, text := range lines {
		var err error
		if in[place], err = expand(text, data); err != nil {
			return err
		}
	}
	data["Extra"] = in[""]
	files := map[string]string{"config": p.config}
	maps.Copy(files, p.files)
	for name, text := range files {
		content, err := expand(text, data)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func expand(text string, data map[string]any) (string, error) {
	tmpl, err := template.New("").Funcs(template.FuncMap{"contains": strings.Contains, "hasPrefix": strings.HasPrefix}).Option("missingkey=error").Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = tmpl.Execute(&b, data)
	return b.String(), err
}

// run starts the product configured in dir and waits until it listens. Its error
// includes what the product logged.
func (p *realProxy) run(t *testing.T, dir, port string) error {
	t.Helper()
	// A file and not a pipe: Wait would wait for the product's helpers to
	// close a pipe too.
	output, err := os.Create(filepath.Join(dir, "output.log"))
	if err != nil {
		return err
	}
	defer output.Close()

	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	args := p.command(dir, port)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = output, output
	end := syscall.SIGTERM
	if p.leaves != "" {
		end = syscall.SIGKILL
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(end) }
	cmd.WaitDelay = 10 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true,            // to end its helpers too
		Pdeathsig: syscall.SIGTERM, // a test binary that times out runs no cleanup
	}
	if err := p.dropRoot(cmd, dir); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		cancel()
		<-exited
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		p.sweep(t, port)
	})

	if err := await(cmd.Process.Pid, port, exited); err != nil {
		return fmt.Errorf("%w\n%s", err, logs(dir))
	}
	return nil
}

// sweep removes what p leaves outside of its directory.
func (p *realProxy) sweep(t *testing.T, port string) {
	left, err := filepath.Glob(strings.ReplaceAll(p.leaves, "{{.Port}}", port))
	if err != nil {
		t.Error(err)
	}
	for _, name := range left {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

// await waits until the process pid listens on the port.
func await(pid int, port string, exited <-chan struct{}) error {
	deadline := time.After(10 * time.Second)
	for !listens(pid, port) {
		select {
		case <-exited:
			return errors.New("it exited")
		case <-deadline:
			return errors.New("it doesn't listen")
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// listens reports whether the process pid listens on the port. Just connecting
// would also succeed if another program had taken the port.
func listens(pid int, port string) bool {
	n, err := strconv.Atoi(port)
	if err != nil {
		return false
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return false
	}
	fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for line := range strings.Lines(string(table)) {
		// sl, local address, remote address, state, five more, inode
		f := strings.Fields(line)
		if len(f) < 10 || !strings.HasSuffix(f[1], fmt.Sprintf(":%04X", n)) || f[3] != "0A" {
			continue
		}
		for _, fd := range fds {
			if link, _ := os.Readlink(fd); link == "socket:["+f[9]+"]" {
				return true
			}
		}
	}
	return false
}

// dropRoot makes cmd run as p.user if the tests run as root, and dir belong to
// that user. Products started as root can do that themselves, but only the real
// root can: not the one of a user namespace, which is what a test confined to
// loopback by unshare -rn runs as.
func (p *realProxy) dropRoot(cmd *exec.Cmd, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup(p.user)
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return err
	}

	if err := os.Chown(dir, uid, gid); errors.Is(err, syscall.EINVAL) {
		// There is no such user in this namespace, but in one of its own.
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: 0, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: 0, Size: 1}}
		return nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return err
	}
	for _, name := range append(files, dir) {
		if err := os.Chown(name, uid, gid); err != nil {
			return err
		}
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	// The directory above it, which is also the test's own, is root's alone.
	return os.Chmod(filepath.Dir(dir), 0o711)
}

// logs returns the log files in dir.
func logs(dir string) string {
	var b strings.Builder
	names, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			content = []byte(err.Error())
		}
		fmt.Fprintf(&b, "-- %s --\n%s\n", filepath.Base(name), content)
	}
	return b.String()
}
