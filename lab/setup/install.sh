#!/usr/bin/env bash
# Installs what a purpose lacks on Debian 12 and 13 and Ubuntu LTS, saying what and why.
# Nothing missing: nothing is said, no network is touched.
#
#   lab/setup/install.sh PURPOSE…     purposes: base run test lint cross assets box
set -euo pipefail
# shellcheck source=env.sh
source "$(dirname "$0")/env.sh"
# shellcheck source=packages.sh
source lab/setup/packages.sh

POLICY=/usr/sbin/policy-rc.d
POLICY_MARK='encoderbox: no service starts while test peers are installed'
# Test peers that ship a service; tests start their own copies, with their own configuration.
SERVICES='nginx stunnel4'
policy_made=no

# as_root COMMAND…: runs it as root, by sudo where needed.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "installing needs root, and there is no sudo here" "as root, run: apt-get install --no-install-recommends ${missing[*]}"
	fi
}

# wanted PURPOSE…: the lines of the list for these purposes, each package once.
wanted() {
	local purpose groups=''
	for purpose; do
		groups+=" $(purpose_groups "$purpose") " ||
			die "unknown purpose \"$purpose\"; known: base run test lint cross assets box"
	done
	# shellcheck disable=SC2153 # packages.sh has it
	awk -v groups="$groups" 'NF && index(groups, " " $1 " ") && !seen[$2]++' <<<"$PACKAGES"
}

# find_missing LINES: fills the array missing, and says why each is needed.
find_missing() {
	local installed='' package command why
	missing=()
	if command -v dpkg-query >/dev/null; then
		# shellcheck disable=SC2046 # a list of package names
		installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' \
			$(awk '{ print $2 }' <<<"$1") 2>/dev/null | sed -n 's/^installed //p') || true
	fi
	while read -r _ package command why; do
		grep -qxF "$package" <<<"$installed" && continue
		[ "$command" != - ] && command -v "$command" >/dev/null && continue
		[ "$package" = chromium ] && [ -x /snap/bin/chromium ] && continue
		missing+=("$package")
		say "installs $package: $why"
	done <<<"$1"
}

# install_browser_on_ubuntu: there is no chromium .deb there; the package is a stub for a snap.
install_browser_on_ubuntu() {
	say "Ubuntu has Chromium as a snap only: snap install chromium"
	if ! command -v snap >/dev/null || ! as_root snap install chromium; then
		die "could not install the chromium snap (containers usually run no snapd)" \
			"way out: install Google Chrome's .deb from https://www.google.com/chrome/ and make it known as chromium:" \
			"  sudo ln -s /usr/bin/google-chrome /usr/local/bin/chromium" \
			"or test on Debian 12 or 13"
	fi
}

# hold_services: what we install must not open ports on somebody's machine. A policy that is
# already there (containers have one) is left alone.
hold_services() {
	if [ -e "$POLICY" ] && ! grep -qF "$POLICY_MARK" "$POLICY"; then
		return
	fi
	policy_made=yes
	printf '#!/bin/sh\n# %s\nexit 101\n' "$POLICY_MARK" | as_root tee "$POLICY" >/dev/null
	as_root chmod 755 "$POLICY"
}

release_services() {
	[ "$policy_made" = no ] && return
	policy_made=no
	as_root rm -f "$POLICY"
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -q -o DPkg::Lock::Timeout=600 "$@" </dev/null; }

apt_update() {
	say "apt-get update"
	# Somebody's third-party source may be down; the install tells whether that matters.
	apt update >/dev/null || say "apt-get update had errors; going on with what it got"
}

# apt_install PACKAGE…: never removes a package. Stale lists and a first big install that breaks
# half-way are both cured by another try.
apt_install() {
	local updated=no package
	for package; do
		if ! apt-cache show "$package" >/dev/null 2>&1; then
			apt_update
			updated=yes
			break
		fi
	done
	local attempt
	for attempt in 1 2 3; do
		apt install -y --no-install-recommends --no-remove "$@" && return
		[ "$attempt" = 3 ] && break
		say "apt-get failed; trying again"
		if [ $updated = no ]; then
			apt_update
			updated=yes
		fi
	done
	die "could not install: $*" "the reason is in apt-get's lines above; put it right and run the same command again"
}

install_missing() {
	local packages=() package held=()
	for package in "${missing[@]}"; do
		if [ "$package" = chromium ] && [ "$(os_field ID)" = ubuntu ]; then
			install_browser_on_ubuntu
		else
			packages+=("$package")
		fi
		case " $SERVICES " in *" $package "*) held+=("$package") ;; esac
	done
	[ ${#packages[@]} = 0 ] && return
	trap release_services EXIT
	trap 'exit 130' INT TERM
	[ ${#held[@]} = 0 ] || hold_services
	apt_install "${packages[@]}"
	release_services
	# Nor may they start at the next boot.
	for package in "${held[@]}"; do
		say "$package stays disabled as a service; tests start their own"
		if command -v systemctl >/dev/null; then
			as_root systemctl disable --quiet "$package" 2>/dev/null || true
			[ "$package" != stunnel4 ] || as_root systemctl disable --quiet stunnel.target 2>/dev/null || true
		elif command -v update-rc.d >/dev/null; then
			as_root update-rc.d "$package" disable 2>/dev/null || true
		fi
	done
}

# check_go: this module's Go, or how to get it.
check_go() {
	local need have
	need=$(awk '$1 == "go" { print $2 }' go.mod)
	if ! command -v go >/dev/null; then
		die "there is no go command on the PATH; this project needs Go $need or later" \
			"get it from https://go.dev/dl/ (unpack to /usr/local/go, add /usr/local/go/bin to PATH)"
	fi
	# In a folder with a go.mod, a Go that is too old fetches the right one, or fails here.
	if ! have=$(go env GOVERSION 2>&1); then
		die "this Go does not do: ${have//$'\n'/ }" \
			"get Go $need or later from https://go.dev/dl/, or allow this one to fetch it: go env -w GOTOOLCHAIN=auto"
	fi
	if [ "$(printf '%s\n' "$need" "${have#go}" | sort -V | head -n 1)" != "$need" ]; then
		die "Go $need or later is needed; $(command -v go) is $have" "get it from https://go.dev/dl/"
	fi
}

# open_tun: tests emulate links over TUN. Without the device they say so themselves; many
# containers may have none.
open_tun() {
	[ -e /dev/net/tun ] && return
	say "loads the kernel module tun: tests emulate links over it"
	as_root modprobe tun 2>/dev/null || true
	[ -e /dev/net/tun ] && return
	# In a container the module may be there without its device.
	as_root sh -c 'mkdir -p /dev/net && mknod -m 666 /dev/net/tun c 10 200' 2>/dev/null ||
		say "there is no /dev/net/tun: tests over emulated links will fail; give the container the device (docker run --device /dev/net/tun)"
}

check_node() {
	local have
	have=$(node --version)
	have=${have#v}
	[ "${have%%.*}" -ge 18 ] || die "Node.js 18 or later is needed to rebuild the page; this is $have" \
		"get it from https://nodejs.org/ (nobody needs it to build or run encoderd)"
}

# build_golangci: the pinned linter, from lab/tools' own go.mod, once a machine.
build_golangci() {
	local path
	path=$(golangci_path)
	[ -x "$path" ] && return
	say "builds golangci-lint (once, some minutes): checks the Go code"
	mkdir -p "$(dirname "$path")"
	(cd lab/tools && GOFLAGS='' CGO_ENABLED=0 go build -ldflags '-s -w' -o "$path.new" github.com/golangci/golangci-lint/v2/cmd/golangci-lint) ||
		die "could not build golangci-lint"
	mv "$path.new" "$path"
}

# build_minio: the S3 server that tests upload to, from its own go.mod, once a machine.
build_minio() {
	local path
	path=$(minio_path)
	[ -x "$path" ] && return
	say "builds MinIO (once, some minutes, 110 MB): S3 server that tests upload to"
	mkdir -p "$(dirname "$path")"
	(cd lab/peer/minio && GOFLAGS='' CGO_ENABLED=0 nice go build -trimpath -ldflags '-s -w' -o "$path.new" github.com/minio/minio) ||
		die "could not build MinIO"
	mv "$path.new" "$path"
}

# fetch_modules: the Go modules that box tests and the daemon in the box are built from, so that
# they need no network later. What is missing after all, go build says best.
fetch_modules() {
	local arch
	for arch in '' arm64; do
		GOARCH=$arch CGO_ENABLED=1 go list -e -tags box -test -deps ./... >/dev/null || true
	done
}

[ $# -gt 0 ] || die "say a purpose: base run test lint cross assets box"
lines=$(wanted "$@")
find_missing "$lines"
if [ ${#missing[@]} -gt 0 ] && ! command -v apt-get >/dev/null; then
	say "this machine has no apt-get; these, or what your distribution calls them, must be there by other means: ${missing[*]}"
elif [ ${#missing[@]} -gt 0 ]; then
	install_missing
	find_missing "$lines" 2>/dev/null
	[ ${#missing[@]} = 0 ] || die "still missing after the installation: ${missing[*]}"
fi
for purpose; do
	case $purpose in
	run) check_go ;;
	test) check_go && open_tun && build_minio ;;
	lint) check_go && build_golangci ;;
	cross) check_go && for arch in $CROSS_ARCHES; do lab/setup/sysroot.sh "$arch"; done ;;
	box) check_go && lab/setup/sysroot.sh arm64 && lab/setup/box.sh && fetch_modules ;;
	assets) check_node ;;
	esac
done
