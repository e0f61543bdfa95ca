SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
# Each recipe is one script, ended by the first command that fails.
.ONESHELL:
.PHONY: run test purity bench fuzz interop-setup interop docs build dist clean

TESTFLAGS ?=
# Of the packages RUNNERS, the tests that make many whole runs, and look at what these come to.
RUNNERS := ./sim ./cmd/proxycheck ./probe
WHOLE := TestFaults|TestFaultsCompose|TestProducts|TestCausesStayOpen|TestCausesRuledOut|TestCodesOfTheDocuments|TestBlame
WHOLE := $(WHOLE)|TestBlamePath|TestHealthyPath|TestSOAPFaultsThroughTLS|TestCompareDirect|TestAfterIsBefore|TestHostileProxies
WHOLE := $(WHOLE)|TestREADME|TestREADMEShowsWhatIsWritten|TestLadders|TestJUnit|TestJSON|TestExitStatus|TestOutput
WHOLE := ^($(WHOLE)|TestConcludeManyHosts|TestDryRunIsTheRun|TestRunProduct|TestRetest|TestSelftestText|TestSelftestProduct)$$
T ?= 5s
# A fixed --abbrev: the default depends on how much of the history a clone has.
VERSION ?= $(shell git describe --tags --always --dirty --abbrev=12 2>/dev/null || echo devel)
COMMANDS := proxycheck fakewsus
PLATFORMS := linux/amd64 linux/arm64 windows/amd64 windows/arm64 darwin/amd64 darwin/arm64
CCOMPILER := $(shell command -v gcc || command -v cc || command -v clang)

# run: check a proxy against the embedded server; needs nothing but Go
run:
	CGO_ENABLED=0 go run ./cmd/proxycheck run --server embedded

# test: all tests (TESTFLAGS=-v), with the race detector, which needs cgo, where there is a C compiler
test:
	@if [ -n "$(CCOMPILER)" ] && [ "$$(CC="$(CCOMPILER)" go env CGO_ENABLED)" = 1 ]; then
		export CC="$(CCOMPILER)" GORACE=atexit_sleep_ms=100; set -x
		# Whole runs take too long under the race detector: they are made without it, meanwhile.
		# -parallel: more than processors, for many tests wait for time-outs. .ci/run vets.
		mkdir -p build
		go test -vet=off -parallel 12 $(TESTFLAGS) -run '$(WHOLE)' $(RUNNERS) >build/whole.log 2>&1 &
		# The longest first. No other package has a test of one of those names.
		go test -race -vet=off -parallel 10 $(TESTFLAGS) -skip '$(WHOLE)' $(RUNNERS) ./... || failed=1
		wait $$! || failed=1
		cat build/whole.log
		exit $${failed:-0}
	else
		echo 'make test: no C compiler, or CGO_ENABLED=0: testing without the race detector' >&2
		export CGO_ENABLED=0; set -x
		go test $(TESTFLAGS) ./...
	fi

# purity: every fault ten times: how many runs, how many findings and owners were wrong
purity:
	@mkdir -p build
	failed=0
	CGO_ENABLED=0 go test -count=10 -parallel 10 -v -run '^(TestFaults|TestHealthy)$$' ./sim </dev/null >build/purity.log 2>&1 || failed=1
	awk '
		/^    --- (PASS|FAIL): TestFaults\//  { faults++ }
		/^    --- (PASS|FAIL): TestHealthy\// { healthy++ }
		/_test.go:[0-9]+: wrong findings: /   { findings++ }
		/_test.go:[0-9]+: wrong owner: /      { owners++ }
		END {
			print "faults", faults+0, "runs"
			print "healthy", healthy+0, "runs"
			print "wrong-findings", findings+0, "runs"
			print "wrong-owners", owners+0, "findings"
		}' build/purity.log
	[ $$failed = 0 ] || { grep -vE '^ *(=== |--- PASS)' build/purity.log | tail -n 200 >&2; exit 1; }

# bench: all benchmarks; a line "name value unit" for each metric, all else on stderr
bench:
	@go test -run '^$$' -bench . $(TESTFLAGS) ./... </dev/null | awk '
		/^Benchmark/ && NF > 3 {
			sub(/^Benchmark/, "", $$1); sub(/-[0-9]+$$/, "", $$1)  # the -N is GOMAXPROCS
			for (i = 3; i < NF; i += 2) print $$1, $$i, $$(i+1)
			next
		}
		{ print > "/dev/stderr" }'

# fuzz: every fuzz target for T (default 5s), up to the first failure
fuzz:
	@mkdir -p build
	targets=$$(go test -list '^Fuzz' ./... | awk '
		/^Fuzz/ { name[n++] = $$1 }
		/^ok/   { for (i = 0; i < n; i++) print $$2, name[i]; n = 0 }
		/^FAIL/ { print > "/dev/stderr" }')
	[ -n "$$targets" ] || { echo 'make fuzz: no fuzz target found' >&2; exit 1; }
	fuzz() { go test -run '^$$' -fuzz "^$$2$$" -fuzztime $(T) "$$1" </dev/null 2>&1 | tee build/fuzz.log; }
	echo "$$targets" | while read -r pkg name; do
		echo "== fuzz $$pkg $$name for $(T)"
		if fuzz "$$pkg" "$$name"; then continue; fi
		# Before Go 1.27 the end of -fuzztime is now and then taken for a failure (golang/go#75804):
		# just this line, and no failing input. That, and only that, is tried once more.
		if grep -qx '    context deadline exceeded' build/fuzz.log && ! grep -q 'Failing input' build/fuzz.log; then
			echo "== fuzz $$pkg $$name once more: no input failed (golang/go#75804)"
			if fuzz "$$pkg" "$$name"; then continue; fi
		fi
		echo "make fuzz: $$pkg $$name failed" >&2
		exit 1
	done

# interop-setup: install, as root on Debian or Ubuntu, the programs that make interop runs
interop-setup:
	@[ "$$(id -u)" = 0 ] || { echo 'make interop-setup: only root can install packages' >&2; exit 1; }
	# While this policy is there, packages start no service. The one that was there comes back;
	# where a killed run left it saved, it is not overwritten.
	policy=/usr/sbin/policy-rc.d
	exists() { [ -e "$$1" ] || [ -L "$$1" ]; }
	restore() { rm -f $$policy; if exists $$policy.saved; then mv $$policy.saved $$policy; fi; }
	if exists $$policy && ! exists $$policy.saved; then mv $$policy $$policy.saved; fi
	trap restore EXIT
	printf '#!/bin/sh\nexit 101\n' >$$policy
	chmod 755 $$policy
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q -o DPkg::Lock::Timeout=120 update </dev/null
	apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold install --no-install-recommends \
		squid-openssl apache2 tinyproxy privoxy nginx-light haproxy varnish trafficserver mitmproxy \
		curl wget aria2 tshark wrk cabextract libxml2-utils python3-pacparser iproute2 util-linux </dev/null

# interop: the tests against other programs (see interop-setup), cut off from the network where possible
interop:
	@mkdir -p build
	bin=$$PWD/build/interop.test log=$$PWD/build/interop.log
	rm -f "$$bin"
	go test -c -tags interop -o "$$bin" ./cmd/proxycheck
	# The daemons among these programs are where only root has them in PATH.
	export PATH="$$PATH:/usr/sbin:/sbin"
	isolate='unshare -n' start='ip link set lo up && exec "$$@"'
	if [ "$$(id -u)" != 0 ]; then
		# unshare -r makes one root, as whom daemons try, in vain, to become another user: so back again.
		isolate='unshare -rn'
		start="ip link set lo up && echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start && exec unshare --map-user=$$(id -u) --map-group=$$(id -g) \"\$$@\""
	fi
	if ! $$isolate sh -c "$$start" sh true 2>/dev/null; then
		echo 'make interop: no network namespace is allowed here: running in the common one' >&2
		isolate= start='exec "$$@"'
	fi
	cd cmd/proxycheck
	# To a file, not a pipe: a daemon that a failed test left behind would keep a pipe open.
	# The last two flags are what go test would pass.
	failed=0
	$$isolate sh -c "$$start" sh "$$bin" -test.v -test.count=1 \
		-test.paniconexit0 -test.timeout=10m </dev/null >"$$log" 2>&1 || failed=1
	cat "$$log"
	grep -q '^=== RUN' "$$log" || { echo 'make interop: no test ran' >&2; failed=1; }
	! grep -q -e '--- SKIP' "$$log" || { echo 'make interop: a test was skipped' >&2; failed=1; }
	[ $$failed = 0 ] || exit 1
	echo "make interop: $$(grep -c '^--- PASS' "$$log") tests passed"

# docs: regenerate docs/reference.md
docs:
	@mkdir -p docs
	trap 'rm -f docs/reference.md.tmp' EXIT
	CGO_ENABLED=0 go run ./cmd/proxycheck doc >docs/reference.md.tmp
	mv docs/reference.md.tmp docs/reference.md

# build: both commands for all platforms, as build/OS_ARCH/COMMAND
build: export CGO_ENABLED := 0
# What else could make the bytes differ from one machine to the next: settings, and git's stamp.
build: export GOFLAGS := -buildvcs=false
build: export GOAMD64 := v1
build: export GOARM64 := v8.0
build:
	@for p in $(PLATFORMS); do
		dir=build/$$(echo $$p | tr / _)
		echo "$$dir: $(VERSION)"
		mkdir -p $$dir
		GOOS=$$(dirname $$p) GOARCH=$$(basename $$p) go build -trimpath \
			-ldflags '-s -w -X main.version=$(VERSION)' -o $$dir/ $(addprefix ./cmd/,$(COMMANDS))
	done

# dist: reproducible binaries, their licences and checksums in dist/
dist: build
	@# The licences of every module linked into a binary, this one's and Go's own included.
	licence() { # NAME VERSION DIRECTORY
		printf '==== %s %s ====\n' "$$1" "$$2"
		ls "$$3" | grep -iE '^(un)?(licen[cs]e|copying)' | grep -v '\.go$$' >/dev/null ||
			{ echo "make dist: $$1 $$2 has no licence file" >&2; exit 1; }
		ls "$$3" | grep -iE '^((un)?(licen[cs]e|copying)|notice|patents)' | grep -v '\.go$$' |
			while read -r f; do printf '\n-- %s --\n\n' "$$f"; cat "$$3/$$f"; done
		echo
	}
	for p in $(PLATFORMS); do
		CGO_ENABLED=0 GOOS=$$(dirname $$p) GOARCH=$$(basename $$p) go list -deps -f '
			{{- with .Module}}{{.Path}} {{if .Main}}$(VERSION){{else}}{{.Version}}{{end}} {{.Dir}}{{end -}}' \
			$(addprefix ./cmd/,$(COMMANDS))
	done | LC_ALL=C sort -u >build/modules
	{
		licence Go "$$(go env GOVERSION)" "$$(go env GOROOT)"
		while read -r path version dir; do licence "$$path" "$$version" "$$dir"; done <build/modules
	} >build/LICENSES.txt
	rm -rf dist
	mkdir dist
	for p in $(subst /,_,$(PLATFORMS)); do
		case $$p in windows_*) ext=.exe ;; *) ext= ;; esac
		for c in $(COMMANDS); do cp build/$$p/$$c$$ext "dist/$${c}_$(VERSION)_$$p$$ext"; done
	done
	cp build/LICENSES.txt dist/
	cd dist
	sha256sum LICENSES.txt $(addsuffix _*,$(COMMANDS)) | LC_ALL=C sort -k 2 >../build/SHA256SUMS
	mv ../build/SHA256SUMS SHA256SUMS

# clean: remove what the other targets made
clean:
	rm -rf build dist
