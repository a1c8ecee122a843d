#!/usr/bin/env bash
# make cross: builds every command for each ARM target with cgo into build/linux-GOARCH, checks what
# came out, and starts encoderd under qemu as a proof.
#
#   lab/tools/cross.sh VERSION
set -euo pipefail
# shellcheck source=../setup/env.sh
source "$(dirname "$0")/../setup/env.sh"
# shellcheck source=../setup/packages.sh
source lab/setup/packages.sh

version=${1:?a version}

# check_binaries: each is for the right machine, and uses cgo, so that nothing was left out.
check_binaries() {
	local binary says found=no
	for binary in "$out"/*; do
		found=yes
		says=$(file -b "$binary")
		printf '%s: %s\n' "$binary" "${says%%, BuildID*}"
		grep -qE "$FILE_SAYS" <<<"$says" || die "$binary: not built for $arch (wanted $FILE_SAYS)"
		grep -q 'dynamically linked' <<<"$says" || die "$binary: not linked with the C libraries; was cgo off?"
	done
	[ $found = yes ] || die "$out: nothing was built"
}

# try_encoderd: it loads and links there, and says its version.
try_encoderd() {
	local qemu says
	# shellcheck disable=SC2153 # set by cross_arch
	qemu=$(command -v "qemu-$QEMU-static" "qemu-$QEMU" | head -n 1)
	[ -n "$qemu" ] || die "no qemu-$QEMU on the PATH"
	says=$("$qemu" -L "$root" "$out/encoderd" -version) || die "$out/encoderd does not start under $qemu"
	printf '%s -version, under %s: %s\n' "$out/encoderd" "${qemu##*/}" "$says"
	grep -qF "$version" <<<"$says" || die "$out/encoderd -version does not say $version"
}

for arch in $CROSS_ARCHES; do
	cross_arch "$arch"
	root=$(sysroot_path "$arch")
	out=build/linux-$GOARCH
	rm -rf "$out"
	mkdir -p "$out"
	lab/tools/cross-env.sh "$arch" go build -trimpath -ldflags "-s -w -X main.version=$version" -o "$out/" ./cmd/...
	check_binaries
	try_encoderd
done
