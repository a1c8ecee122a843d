# shellcheck shell=bash
# What the scripts of lab/setup and lab/tools share; to be sourced, after which the
# working folder is the top of the checkout.

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

# Downloads and built tools live outside the checkout, so a fresh clone fetches nothing again.
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/encoderbox

say() { printf 'setup: %s\n' "$*" >&2; }

# die MESSAGE [WAY OUT]...: each argument is a line.
die() {
	printf 'setup: %s\n' "$@" >&2
	exit 1
}

# os_field NAME: a field of os-release, empty where there is none.
os_field() { sed -n "s/^$1=//p" /etc/os-release 2>/dev/null | tr -d '"'; }

# golangci_path: where the pinned linter is, or will be; its name changes with the pin and with Go,
# since a linter built by an older Go refuses newer code.
golangci_path() {
	local version
	version=$(sed -n 's|.*golangci/golangci-lint/v2 \(v[^ ]*\).*|\1|p' lab/tools/go.mod)
	printf '%s/bin/golangci-lint-%s-%s\n' "$CACHE" "$version" "$(go env GOVERSION)"
}

# minio_path: where the S3 server that tests upload to is, or will be; its name has the pin of
# lab/peer/minio/go.mod.
minio_path() {
	printf '%s/bin/minio-%s\n' "$CACHE" "$(sed -n 's|.*github.com/minio/minio \(v[^ ]*\).*|\1|p' lab/peer/minio/go.mod)"
}

# Architectures that make cross builds for: Debian's name, Go's name and GOARM, GNU triplet,
# qemu's name, and what file(1) must say of a result.
CROSS_ARCHES='arm64 armhf'
# shellcheck disable=SC2034 # read by whoever calls it
cross_arch() {
	case $1 in
	arm64) GOARCH=arm64 GOARM='' TRIPLET=aarch64-linux-gnu QEMU=aarch64 FILE_SAYS='ELF 64-bit LSB .*ARM aarch64' ;;
	armhf) GOARCH=arm GOARM=7 TRIPLET=arm-linux-gnueabihf QEMU=arm FILE_SAYS='ELF 32-bit LSB .*ARM, EABI5' ;;
	*) die "unknown architecture $1; known: $CROSS_ARCHES" ;;
	esac
}

# sysroot_path ARCH: the folder with the target's libraries; another distribution release or
# another list of libraries is another folder.
sysroot_path() {
	printf '%s/sysroot/%s-%s%s-%s\n' "$CACHE" "$1" "$(os_field ID)" "$(os_field VERSION_ID)" \
		"$(printf '%s' "$TARGET_LIBRARIES" | tr -s ' ' '+')"
}

# The box's trees in the cache, each named by all that its content depends on; packages.sh must
# have been sourced.
box_kernel_path() { printf '%s/box/kernel-%s.%s\n' "$CACHE" "$BOX_KERNEL_VERSION" "$BOX_LAYOUT"; }
box_userland_path() { box_tree_path userland "$TARGET_LIBRARIES $BOX_PROGRAMS"; }
box_ffmpeg_path() { box_tree_path ffmpeg "$TARGET_LIBRARIES $BOX_PROGRAMS $BOX_FFMPEG"; }
box_systemd_path() { box_tree_path systemd "$TARGET_LIBRARIES $BOX_PROGRAMS $BOX_SYSTEMD"; }

box_tree_path() {
	printf '%s/box/%s-%s%s-%s.%s\n' "$CACHE" "$1" "$(os_field ID)" "$(os_field VERSION_ID)" \
		"$(sha256sum <<<"$2" | cut -c 1-12)" "$BOX_LAYOUT"
}
