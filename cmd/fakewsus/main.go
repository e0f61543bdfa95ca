// Fakewsus is an update server for trying a proxy: it speaks as a WSUS does, and
// serves inert files of any size, which proxycheck knows byte by byte.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// version is stamped by the linker.
var version = "devel"

// idle is how long IIS keeps a connection open without a request.
const idle = 120 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(Main(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// errUsage says that the command line cannot be used.
var errUsage = errors.New("see fakewsus --help")

// Main serves until ctx ends and returns the exit status: 0, 2 for bad usage,
// 3 when it could not serve.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := serve(ctx, args, stdout)
	switch {
	case err == nil, errors.Is(err, pflag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintln(stderr, "fakewsus:", err)
		return 2
	}
	fmt.Fprintln(stderr, "fakewsus:", err)
	return 3
}

// An offer is what the flags ask for.
type offer struct {
	listen, listenTLS, caOut string
	size                     int64
	version                  bool
}

// parse reads the flags.
func parse(args []string, stdout io.Writer) (*offer, error) {
	var o offer
	flags := pflag.NewFlagSet("fakewsus", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(stdout)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8530", "the `ADDRESS` to serve on")
	flags.StringVar(&o.listenTLS, "listen-tls", "127.0.0.1:8531", "the `ADDRESS` to serve TLS on; empty for none")
	flags.StringVar(&o.caOut, "ca-out", "", "write the root of the certificate to `FILE`, as PEM")
	flags.Int64Var(&o.size, "size", wsus.DefaultSize, "the `BYTES` of the file that proxycheck fetches")
	flags.BoolVar(&o.version, "version", false, "say which version this is")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w; %w", err, errUsage)
	case flags.NArg() > 0:
		return nil, fmt.Errorf("%q is one argument too many; %w", flags.Arg(0), errUsage)
	case o.size < 1 || o.size > wusp.MaxContent:
		return nil, fmt.Errorf("--size %d is out of range: want 1 to %d; %w", o.size, int64(wusp.MaxContent), errUsage)
	}
	return &o, nil
}

func serve(ctx context.Context, args []string, stdout io.Writer) error {
	o, err := parse(args, stdout)
	if err != nil {
		return err
	}
	if o.version {
		_, err := fmt.Fprintln(stdout, "fakewsus", version)
		return err
	}
	authority, err := wsus.NewAuthority("proxycheck fake WSUS CA")
	if err != nil {
		return fmt.Errorf("making a certificate: %w", err)
	}
	if o.caOut != "" {
		if err := os.WriteFile(o.caOut, authority.PEM(), 0o644); err != nil {
			return fmt.Errorf("--ca-out: %w; %w", err, errUsage)
		}
	}
	plain, secure, err := sockets(o.listen, o.listenTLS)
	if err != nil {
		return err
	}
	server := &wsus.Server{Size: o.size, Authority: authority}
	if secure != nil {
		_, server.TLSPort, _ = net.SplitHostPort(secure.Addr().String())
	}
	if err := announce(stdout, plain, secure); err != nil {
		return err
	}
	return until(ctx, server, plain, secure)
}

// announce says where it serves, and names a file that any client can fetch.
func announce(w io.Writer, plain, secure net.Listener) error {
	text := fmt.Sprintf("serving on http://%s\n", plain.Addr())
	if secure != nil {
		text += fmt.Sprintf("serving on https://%s\n", secure.Addr())
	}
	text += fmt.Sprintf("a file of 5 GiB: http://%s%s\n", plain.Addr(), wusp.NewContent(5<<30, "00000000", ".cab").Path())
	_, err := io.WriteString(w, text)
	return err
}

// sockets are those that the flags name; secure is nil when there is to be none.
func sockets(listen, listenTLS string) (plain, secure net.Listener, err error) {
	if plain, err = net.Listen("tcp", listen); err != nil {
		return nil, nil, fmt.Errorf("--listen: %w; %w", err, errUsage)
	}
	if listenTLS == "" {
		return plain, nil, nil
	}
	if secure, err = net.Listen("tcp", listenTLS); err != nil {
		plain.Close()
		return nil, nil, fmt.Errorf("--listen-tls: %w; %w", err, errUsage)
	}
	return plain, secure, nil
}

// until serves until ctx ends.
func until(ctx context.Context, server *wsus.Server, plain, secure net.Listener) error {
	h := &http.Server{Handler: server, IdleTimeout: idle, ReadHeaderTimeout: idle, MaxHeaderBytes: 64 << 10,
		ErrorLog: log.New(io.Discard, "", 0)}
	failed := make(chan error, 2)
	go func() { failed <- h.Serve(plain) }()
	if secure != nil {
		go func() { failed <- h.Serve(tls.NewListener(secure, server.Authority.TLSConfig())) }()
	}
	select {
	case err := <-failed:
		h.Close()
		return err
	case <-ctx.Done():
		return h.Close()
	}
}
