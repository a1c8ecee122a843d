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

# build: for the architecture that cross_arch chose. The target's headers come last, so that the
# cross compiler's own C library headers win.
build() {
	env GOOS=linux GOARCH="$GOARCH" GOARM="$GOARM" CGO_ENABLED=1 \
		CC="$TRIPLET-gcc" CXX="$TRIPLET-g++" \
		PKG_CONFIG_SYSROOT_DIR="$root" PKG_CONFIG_PATH='' \
		PKG_CONFIG_LIBDIR="$root/usr/lib/$TRIPLET/pkgconfig:$root/usr/share/pkgconfig" \
		CGO_CPPFLAGS="-idirafter $root/usr/include/$TRIPLET -idirafter $root/usr/include" \
		CGO_CFLAGS='-O2' CGO_CXXFLAGS='-O2' \
		CGO_LDFLAGS="-O2 -L$root/usr/lib/$TRIPLET -Wl,-rpath-link,$root/usr/lib/$TRIPLET" \
		go build -trimpath -ldflags "-s -w -X main.version=$version" -o "$out/" ./cmd/...
}

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
	build
	check_binaries
	try_encoderd
done
