# Every target installs what it lacks (Debian, Ubuntu), says so, and does nothing twice.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test soak lint cross lab-box lab-box-test lab-box-shell assets assets-check bench bench-abr bench-hardware bench-storage bench-surfaces fuzz build clean

INSTALL := lab/setup/install.sh
VERSION := $(shell git describe --always --dirty --tags 2>/dev/null || echo devel)
CONFIG ?= examples/bench.toml
FUZZTIME ?= 20s
BOX_MINUTES ?= 45
BENCH_ARGS ?=

# Tests that start real peers, apart from all others, which run with the race detector.
PEER_TESTS := ./lab/acceptance/... ./lab/dash/... ./lab/fault/...
# Those that have a long form, which the flag -soak asks for.
SOAK_TESTS := ./lab/acceptance/storage
# Tests that start virtual ARM boxes. They take along the tests with the build tag "box" of other
# folders, which need a kernel's devices, and run them in the box.
BOX_TESTS := ./lab/box/... ./lab/hardware/...
UNIT_TESTS = $$(go list ./... | grep -vxF "$$(go list $(PEER_TESTS) $(BOX_TESTS))")

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "Variables: CONFIG=$(CONFIG) (run), FUZZTIME=$(FUZZTIME) (fuzz), BOX_MINUTES=$(BOX_MINUTES) (lab-box-test), BENCH_ARGS (bench, bench-abr, bench-hardware, bench-storage, bench-surfaces)"

run: ## build encoderd, start it with examples/bench.toml; it prints the page's address
	@$(INSTALL) run
	@$(MAKE) --no-print-directory build/encoderd
	@exec build/encoderd -config $(CONFIG)

build: ## build encoderd and encoderctl into build/
	@$(INSTALL) run
	@$(MAKE) --no-print-directory build/encoderd build/encoderctl

test: ## run every test of everyday length, real peers and a browser included
	@$(INSTALL) test
	@lab/tools/test.sh "$(UNIT_TESTS)" "$(PEER_TESTS)"

soak: ## the long forms of the tests of storage: 50 kills, outages of 10 minutes, 20 power cuts in the virtual ARM box (about 15 minutes)
	@$(INSTALL) test
	go test -count=1 -timeout 60m $(SOAK_TESTS) -args -soak
	@$(INSTALL) box
	@lab/box/image.sh >/dev/null
	go test -count=1 -timeout 30m -run PowerCuts ./lab/hardware/storage -args -soak

lint: ## check format, vet, golangci-lint, file length, scripts
	@$(INSTALL) run lint
	@lab/tools/lint.sh

cross: ## build for linux/arm64 and armv7 with cgo into build/linux-*, check and start the results
	@$(INSTALL) cross
	@lab/tools/cross.sh "$(VERSION)"

lab-box: ## fetch (once, about 350 MB) and build the virtual ARM box that tests run
	@$(INSTALL) box
	@lab/box/image.sh >/dev/null
	@echo "the virtual ARM box is ready: make lab-box-shell starts one, make lab-box-test tests in it"

lab-box-test: ## run the tests that need the virtual ARM box, within BOX_MINUTES
	@$(INSTALL) test box
	@lab/box/image.sh >/dev/null
	@lab/box/test.sh $(BOX_MINUTES) $(BOX_TESTS)

lab-box-shell: lab-box ## start a virtual ARM box with encoderd in it, and a shell on its serial port
	@go run ./lab/box/shell

assets: ## rebuild the page's bundled files (needs Node.js; they are committed)
	@$(INSTALL) assets
	cd device/web/ui && npm ci --no-audit --no-fund && npm run build

assets-check: assets ## the rebuilt page must equal what is committed
	@changes=$$(git status --porcelain --untracked-files=all -- device/web/dist) && \
	if [ -n "$$changes" ]; then \
		git --no-pager diff --stat -- device/web/dist; \
		printf '%s\n' "$$changes" "device/web/dist is not what device/web/ui builds: run make assets and commit device/web/dist"; \
		exit 1; \
	fi; \
	echo "device/web/dist is what device/web/ui builds"

bench: ## measure CPU, memory and latency beside ffmpeg (BENCH_ARGS="…")
	@$(INSTALL) test
	go run ./lab/bench $(BENCH_ARGS)

bench-abr: ## measure bit rate controllers on links of many kinds (BENCH_ARGS="…")
	@$(INSTALL) test
	go run ./lab/link/abrbench $(BENCH_ARGS)

bench-hardware: lab-box ## measure capture and hardware encoder beside ffmpeg's, in the virtual ARM box (BENCH_ARGS="…")
	go run ./lab/hwbench $(BENCH_ARGS)

bench-storage: ## measure recording and serving beside ffmpeg, bytes to flash, restarts (BENCH_ARGS="…")
	@$(INSTALL) test
	go run ./lab/storagebench $(BENCH_ARGS)

bench-surfaces: ## measure how soon front panel and console answer under load, what surfaces cost, commands a second (BENCH_ARGS="…")
	@$(INSTALL) test
	go run ./lab/surfacebench $(BENCH_ARGS)

fuzz: ## run each fuzz target for FUZZTIME
	@$(INSTALL) run
	@lab/tools/fuzz.sh $(FUZZTIME)

clean: ## remove build/
	rm -rf build

# Go knows best whether there is anything to do.
.PHONY: build/encoderd build/encoderctl
build/encoderd build/encoderctl:
	@mkdir -p build
	go build -ldflags "-X main.version=$(VERSION)" -o $@ ./cmd/$(@F)
