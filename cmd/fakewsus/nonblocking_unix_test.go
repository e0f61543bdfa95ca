//go:build unix

package main

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A log into a pipe that nobody reads is an error at once. One that is read gets
// its lines.
func TestLogPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	var stdout, stderr bytes.Buffer
	exit := Main(t.Context(), []string{"--listen", "127.0.0.1:0", "--listen-tls=", "--log", pipe}, &stdout, &stderr)
	if want := "fakewsus: --log " + pipe + ": it is a pipe, and no program reads it; see fakewsus --help\n"; exit != 2 || stderr.String() != want || stdout.Len() > 0 {
		t.Errorf("exit %d, %s, on stdout %q", exit, &stderr, &stdout)
	}

	reader, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	r := start(t, "--log", pipe)
	r.getConfig()
	line, err := bufio.NewReader(reader).ReadString('\n')
	if err != nil || !strings.Contains(line, `"GetConfig" 200`) {
		t.Errorf("the line is %q, %v", line, err)
	}
	r.end()
}
