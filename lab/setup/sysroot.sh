#!/usr/bin/env bash
# Unpacks the libraries that encoderd links against, for one target architecture, into a folder of
# the cache. Does nothing when it is there.
#
#   lab/setup/sysroot.sh arm64|armhf
set -euo pipefail
# shellcheck source=env.sh
source "$(dirname "$0")/env.sh"
# shellcheck source=packages.sh
source lab/setup/packages.sh
# shellcheck source=apt.sh
source lab/setup/apt.sh

arch=${1:?an architecture: $CROSS_ARCHES}
cross_arch "$arch"
final=$(sysroot_path "$arch")
[ -d "$final" ] && exit 0
say "fetches $TARGET_LIBRARIES for $arch into $final: encoderd links against them"
mkdir -p "$CACHE/sysroot"
work=$(mktemp -d "$CACHE/sysroot/new.XXXXXX")
trap 'rm -rf "$work"' EXIT
state=$work/apt root=$work/root
sources=$(machine_sources)
[ -n "$sources" ] ||
	die "no Debian or Ubuntu sources on this machine to take the addresses from" "see whether this works: sudo apt-get update"
apt_state "$state" "$sources" "$arch"
state_update "$state" "$arch"
# shellcheck disable=SC2086 # a list of package names
state_download "$state" "$arch" $TARGET_LIBRARIES
unpack_tree "$root" "$state"/archives/*.deb
[ -e "$root/usr/lib/$TRIPLET/libc.so.6" ] || die "$arch: the C library is not among what was unpacked"
rm -rf "$final"
mv "$root" "$final"
