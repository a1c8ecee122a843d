#!/usr/bin/env bash
# Runs a command, such as go build or go test -c, in the environment that makes cgo build for an ARM
# target. The target's libraries must be there: make cross, or for arm64 make lab-box, fetches them.
#
#   lab/tools/cross-env.sh arm64|armhf COMMAND…        in the top folder of the checkout
set -euo pipefail
# shellcheck source=../setup/env.sh
source "$(dirname "$0")/../setup/env.sh"
# shellcheck source=../setup/packages.sh
source lab/setup/packages.sh

arch=${1:?an architecture: $CROSS_ARCHES}
shift
cross_arch "$arch"
root=$(sysroot_path "$arch")
[ -d "$root" ] || die "the libraries of $arch are not there ($root)" "run: make cross, or for the virtual ARM box: make lab-box"
# The target's headers come last, so that the cross compiler's own C library headers win.
exec env GOOS=linux GOARCH="$GOARCH" GOARM="$GOARM" CGO_ENABLED=1 \
	CC="$TRIPLET-gcc" CXX="$TRIPLET-g++" \
	PKG_CONFIG_SYSROOT_DIR="$root" PKG_CONFIG_PATH='' \
	PKG_CONFIG_LIBDIR="$root/usr/lib/$TRIPLET/pkgconfig:$root/usr/share/pkgconfig" \
	CGO_CPPFLAGS="-idirafter $root/usr/include/$TRIPLET -idirafter $root/usr/include" \
	CGO_CFLAGS='-O2' CGO_CXXFLAGS='-O2' \
	CGO_LDFLAGS="-O2 -L$root/usr/lib/$TRIPLET -Wl,-rpath-link,$root/usr/lib/$TRIPLET" \
	"$@"
