#!/usr/bin/env bash
# Fetches and unpacks what the virtual ARM box is made of, into the cache: Debian's arm64 kernel
# with what builds modules for it, the box's programs, and ffmpeg. What is there is left alone, and
# downloads are kept, so that the network is used once.
#
#   lab/setup/box.sh      about 350 MB in all, once
#
# BOX_MIRROR: another Debian mirror, or a state of https://snapshot.debian.org/archive/debian/.
set -euo pipefail
# shellcheck source=env.sh
source "$(dirname "$0")/env.sh"
# shellcheck source=packages.sh
source lab/setup/packages.sh
# shellcheck source=apt.sh
source lab/setup/apt.sh

DEBS=$CACHE/box/debs # packages as downloaded, a folder a tree

# debian_mirror: the machine's own where it is a Debian one.
debian_mirror() {
	local own
	# shellcheck disable=SC2016 # apt's own place holders
	own=$(machine_targets '$(ORIGIN) $(LABEL) $(REPO_URI)' |
		awk '$1 == "Debian" && $2 == "Debian" { print $3; exit }')
	printf '%s\n' "${own:-http://deb.debian.org/debian/}"
}

# make_tree FINAL COMMAND…: runs the command to fill the folder that $root names, which becomes
# FINAL when all went well.
make_tree() {
	local final=$1
	shift
	work=$(mktemp -d "$CACHE/box/new.XXXXXX")
	root=$work/root state=$work/apt
	mkdir "$root"
	"$@"
	rm -rf "$final"
	mv "$root" "$final"
	rm -rf "$work"
}

# kernel_packages: with the build tools of the machine's own architecture.
kernel_packages() {
	local abi=${BOX_KERNEL%-arm64} v=$BOX_KERNEL_VERSION
	printf '%s=%s\n' \
		"linux-image-$BOX_KERNEL:arm64" "$v" "linux-headers-$BOX_KERNEL:arm64" "$v" \
		"linux-headers-$abi-common" "$v" "linux-kbuild-${abi%.0-*}:$host" "$v" "linux-source-${abi%.0-*}" "$v"
}

download_kernel() {
	local mirror=${BOX_MIRROR:-$(debian_mirror)} keys packages
	keys=$(archive_keys debian)
	keys=${keys%] }
	mapfile -t packages < <(kernel_packages)
	apt_state "$state" "deb ${keys:+$keys check-valid-until=no] }$mirror $BOX_RELEASE main" arm64 "$host"
	state_update "$state" kernel
	mkdir -p "$state/got"
	if ! (cd "$state/got" && state_apt "$state" download "${packages[@]}") >>"$state/log" 2>&1; then
		tail -n 5 "$state/log" >&2
		die "could not download the kernel $BOX_KERNEL $BOX_KERNEL_VERSION from $mirror" \
			"if the lines above say that the version was not found, the mirror has moved on. Ways out:" \
			"  this same kernel: make lab-box BOX_MIRROR=http://snapshot.debian.org/archive/debian/DATE/ with a DATE" \
			"    of https://snapshot.debian.org/package/linux/$BOX_KERNEL_VERSION/ (such as 20260701T000000Z)" \
			"  a newer one: BOX_KERNEL and BOX_KERNEL_VERSION in lab/setup/packages.sh"
	fi
	mkdir -p "$DEBS"
	rm -rf "$kernel_debs"
	mv "$state/got" "$kernel_debs"
}

# unpack_kernel: image (boot, lib/modules), build (headers and kbuild, to be found at its final
# place) and source (the drivers that Debian does not build).
unpack_kernel() {
	local package
	[ -d "$kernel_debs" ] || download_kernel
	mkdir "$root/image" "$root/build"
	for package in "$kernel_debs"/*.deb; do
		case ${package##*/} in
		linux-image-*) dpkg-deb -x "$package" "$root/image" ;;
		linux-source-*) unpack_source "$package" ;;
		*) dpkg-deb -x "$package" "$root/build" ;;
		esac
	done
	sed -i "s#/usr/src/#$kernel/build/usr/src/#" "$root/build/usr/src/linux-headers-$BOX_KERNEL/Makefile"
	depmod -b "$root/image" "$BOX_KERNEL"
}

unpack_source() {
	local name=${1##*/} drivers panel
	name=${name%%_*}
	# shellcheck disable=SC2206 # lists of names
	drivers=($BOX_DRIVERS) panel=($BOX_PANEL_SOURCES)
	dpkg-deb --fsys-tarfile "$1" | tar -xO "./usr/src/$name.tar.xz" | xz -dcT0 |
		tar -x -C "$root" "${drivers[@]/#/$name/drivers/media/test-drivers/}" "${panel[@]/#/$name/}"
	mv "$root/$name" "$root/source"
}

# download_programs DEBS PACKAGE…: with all they depend on, into the folder DEBS.
download_programs() {
	local debs=$1 sources
	shift
	sources=$(machine_sources)
	[ -n "$sources" ] ||
		die "no Debian or Ubuntu sources on this machine to take the addresses from" "see whether this works: sudo apt-get update"
	apt_state "$state" "$sources" arm64
	state_update "$state" arm64
	state_download "$state" "the box" "$@"
	rm -rf "$state"/archives/{lock,partial} "$debs"
	mkdir -p "$DEBS"
	mv "$state/archives" "$debs"
}

# slim: headers and texts have no use in the box.
slim() {
	rm -rf "$root"/usr/{include,share/{doc,man,locale,info,lintian,bug,pkgconfig}} "$root"/usr/lib/aarch64-linux-gnu/pkgconfig
	find "$root" -name '*.a' -delete
}

unpack_userland() {
	# shellcheck disable=SC2086 # lists of package names
	[ -d "$userland_debs" ] || download_programs "$userland_debs" $TARGET_LIBRARIES $BOX_PROGRAMS
	local run=()
	mapfile -t run < <(find "$userland_debs" -name '*.deb' ! -name '*-dev_*')
	unpack_tree "$root" "${run[@]}"
	slim
	# In a tree the box cannot write: the place for the kernel's modules, and what scripts begin with.
	mkdir -p "$root/usr/lib/modules"
	ln -s /bb/sh "$root/usr/bin/sh"
	ln -s /bb/env "$root/usr/bin/env"
	[ -e "$root/usr/bin/busybox" ] || die "the box: busybox is not among what was unpacked"
}

# unpack_beside DEBS PACKAGE…: the packages, and those of their libraries that are not in the userland.
unpack_beside() {
	local debs=$1 package run=()
	shift
	# shellcheck disable=SC2086 # lists of package names
	[ -d "$debs" ] || download_programs "$debs" $TARGET_LIBRARIES $BOX_PROGRAMS "$@"
	while read -r package; do
		[ -e "$userland_debs/${package##*/}" ] || run+=("$package")
	done < <(find "$debs" -name '*.deb' ! -name '*-dev_*')
	unpack_tree "$root" "${run[@]}"
	slim
}

# unpack_ffmpeg: which BLAS serves is the choice of a package's script, that nobody runs here.
unpack_ffmpeg() {
	local program libs=/opt/ffmpeg/usr/lib/aarch64-linux-gnu
	# shellcheck disable=SC2086 # a list of package names
	unpack_beside "$ffmpeg_debs" $BOX_FFMPEG
	mkdir "$root/bin.new"
	for program in ffmpeg ffprobe; do
		cat >"$root/bin.new/$program" <<-SCRIPT
			#!/bin/sh
			LD_LIBRARY_PATH=$libs:$libs/blas:$libs/lapack:$libs/pulseaudio exec /opt/ffmpeg/usr/bin/$program "\$@"
		SCRIPT
		chmod 755 "$root/bin.new/$program"
	done
	rm -r "${root:?}/bin"
	mv "$root/bin.new" "$root/bin"
}

# unpack_systemd: a layer over the userland, for boxes that ask for it.
unpack_systemd() {
	# shellcheck disable=SC2086 # a list of package names
	unpack_beside "$systemd_debs" $BOX_SYSTEMD
}

# verb DEBS: what is done, the packages being there or not.
verb() { if [ -d "$1" ]; then echo unpacks; else echo fetches; fi; }

host=$(dpkg --print-architecture)
kernel=$(box_kernel_path) userland=$(box_userland_path) ffmpeg=$(box_ffmpeg_path) systemd=$(box_systemd_path)
kernel_debs=$DEBS/$(basename "$kernel" ".$BOX_LAYOUT")
userland_debs=$DEBS/$(basename "$userland" ".$BOX_LAYOUT")
ffmpeg_debs=$DEBS/$(basename "$ffmpeg" ".$BOX_LAYOUT")
systemd_debs=$DEBS/$(basename "$systemd" ".$BOX_LAYOUT")
[ -d "$kernel" ] && [ -d "$userland" ] && [ -d "$ffmpeg" ] && [ -d "$systemd" ] && exit 0
mkdir -p "$CACHE/box"
exec 9>"$CACHE/box/lock"
flock 9
work=''
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
if [ ! -d "$kernel" ]; then
	say "$(verb "$kernel_debs") the kernel $BOX_KERNEL $BOX_KERNEL_VERSION: the virtual ARM box runs it"
	make_tree "$kernel" unpack_kernel
fi
if [ ! -d "$userland" ]; then
	say "$(verb "$userland_debs") $BOX_PROGRAMS for arm64: programs of the virtual ARM box"
	make_tree "$userland" unpack_userland
fi
if [ ! -d "$ffmpeg" ]; then
	say "$(verb "$ffmpeg_debs") $BOX_FFMPEG for arm64: benchmarks compare with it"
	make_tree "$ffmpeg" unpack_ffmpeg
fi
if [ ! -d "$systemd" ]; then
	say "$(verb "$systemd_debs") $BOX_SYSTEMD for arm64: the network of the box, where a test wants it"
	make_tree "$systemd" unpack_systemd
fi
