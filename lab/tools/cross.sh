#!/usr/bin/env bash
# make cross: builds every command for each ARM target with cgo into build/linux-GOARCH, checks what
# came out, and starts encoderd under qemu as a proof. What talks to the kernel is tested as a 32-bit
# program, and its structures are compared with the C headers of every target.
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

# Packages whose work depends on the size of a word, and on how the kernel lays structures out.
TESTED='media media/v4l2 capture/alsa capture/live capture/v4l2 encode encode/m2m board/models device/hardware'

# Tests of them that cannot pass or are too slow under qemu-user: it does not know the ioctls on memfds
# and /dev/null that the first four make (ENOSYS), and the last encodes for minutes. The virtual ARM box
# runs media/v4l2 as a 32-bit program too, with real devices.
UNTESTED='^(TestMapping.*|TestOpenTellsWhatIsWrong|TestTheEncoderRecovers|TestASilentDeviceWhoseEncoderRecovered|TestContract)$'

# find_qemu: fills qemu with the one that runs programs of this target.
find_qemu() {
	# shellcheck disable=SC2153 # set by cross_arch
	qemu=$(command -v "qemu-$QEMU-static" "qemu-$QEMU" | head -n 1)
	[ -n "$qemu" ] || die "no qemu-$QEMU on the PATH"
}

# try_encoderd: it loads and links there, says its version, and looks about. Of this machine's devices
# it sees what qemu-user passes on: what it finds is not asked, that it knows where it is.
try_encoderd() {
	local says
	says=$("$qemu" -L "$root" "$out/encoderd" -version) || die "$out/encoderd does not start under $qemu"
	printf '%s -version, under %s: %s\n' "$out/encoderd" "${qemu##*/}" "$says"
	grep -qF "$version" <<<"$says" || die "$out/encoderd -version does not say $version"
	says=$("$qemu" -L "$root" "$out/encoderd" -probe -json) || die "$out/encoderd -probe fails under $qemu"
	grep -q '"model"' <<<"$says" || die "$out/encoderd -probe -json names no board model: $says"
}

# run_tests: the unit tests of what talks to the kernel, as programs of this target.
run_tests() {
	local package program=$PWD/build/cross.test begun=$SECONDS
	for package in $TESTED; do
		lab/tools/cross-env.sh "$arch" go test -c -o "$program" "./$package"
		(cd "$package" && "$qemu" -L "$root" "$program" -test.timeout 5m -test.skip "$UNTESTED") >"$program.log" 2>&1 || {
			cat "$program.log" >&2
			die "the tests of $package fail on $arch"
		}
		printf '%s on %s: %s\n' "$package" "$arch" "$(tail -n 1 "$program.log")"
	done
	rm -f "$program" "$program.log"
	printf 'tested on %s within %d s\n' "$arch" $((SECONDS - begun))
}

for arch in $CROSS_ARCHES; do
	cross_arch "$arch"
	root=$(sysroot_path "$arch")
	out=build/linux-$GOARCH
	rm -rf "$out"
	mkdir -p "$out"
	lab/tools/cross-env.sh "$arch" go build -trimpath -ldflags "-s -w -X main.version=$version" -o "$out/" ./cmd/...
	check_binaries
	find_qemu
	try_encoderd
	[ "$arch" != armhf ] || run_tests
done
go test -count=1 -tags headers -run Headers ./media/v4l2
