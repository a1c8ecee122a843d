#!/usr/bin/env bash
# Builds what the virtual box boots from out of what make lab-box has fetched: the kernel modules,
# ours among them, and the initramfs with the agent. Each result is kept in the cache under a hash of
# all it is made of, so that nothing is built twice and nothing is ever stale; no network is used.
# Prints where everything is, a KEY=VALUE a line.
#
#   lab/box/image.sh [lenient]     lenient: a vh264 that does not build is left out, and its errors shown
set -euo pipefail
# shellcheck source=../setup/env.sh
source "$(dirname "$0")/../setup/env.sh"
# shellcheck source=../setup/packages.sh
source lab/setup/packages.sh

# Loaded by the box's first program, in this order, and nothing else is.
BOOT_MODULES='virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio-rng virtio_console
	netfs fscache 9pnet 9pnet_virtio 9p failover net_failover virtio_net'
# What a test may load, with what it depends on.
MODULES='vivid v4l2-mem2mem videobuf2-vmalloc videobuf2-dma-contig videobuf2-dma-sg
	snd-aloop snd-usb-audio uvcvideo vhci-hcd xhci-pci usb-storage sd_mod ftdi_sio evdev uinput uhid configfs
	i6300esb softdog loop ext4 vfat squashfs overlay virtio_blk dm-verity
	mac80211_hwsim ccm cmac ctr tun veth ifb 8021q sch_netem sch_tbf sch_htb sch_fq cls_u32 cls_matchall act_mirred tcp_bbr virtio_net virtio-rng'

cross_arch arm64
kernel=$(box_kernel_path)
userland=$(box_userland_path)
ffmpeg=$(box_ffmpeg_path)
systemd=$(box_systemd_path)
for tree in "$kernel" "$userland" "$ffmpeg" "$systemd"; do
	[ -d "$tree" ] || die "the virtual ARM box is not there: $tree is missing" "run: make lab-box"
done

# hash_of WORD… -- FILE…: of the words, and of the files' names and content.
hash_of() {
	local words=()
	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	shift
	{
		printf '%s\n' "${words[@]}"
		sha256sum -- "$@"
	} | sha256sum | cut -c 1-16
}

# in_cache PREFIX HASH COMMAND…: the folder box/PREFIX-HASH of the cache, which the command fills
# (its last argument is the folder to fill) when it is not there.
in_cache() {
	local final=$CACHE/box/$1-$2 made
	shift 2
	if [ ! -d "$final" ]; then
		made=$(mktemp -d "$CACHE/box/new.XXXXXX")
		if ! "$@" "$made" >&2; then
			rm -rf "$made"
			die "could not build ${final##*/}"
		fi
		chmod 755 "$made"
		mv "$made" "$final"
	fi
	touch "$final"
	printf '%s\n' "$final"
}

# kernel_make FOLDER ARGUMENT…: builds an out-of-tree module there.
kernel_make() {
	local dir=$1 log=$1/make.log
	shift
	make -C "$kernel/build/usr/src/linux-headers-$BOX_KERNEL" M="$dir" ARCH=arm64 \
		CROSS_COMPILE="$TRIPLET-" CONFIG_DEBUG_INFO_BTF_MODULES= "$@" modules >"$log" 2>&1 || {
		grep -E 'error|warning|undefined|\*\*\*' "$log" || tail -n 20 "$log"
		return 1
	}
}

# build_driver NAME FOLDER: one of the kernel's own virtual drivers that Debian does not build.
build_driver() {
	local name=$1 out=$2
	say "builds $name, a virtual driver of the kernel's"
	cp "$drivers/$name"/* "$out/"
	kernel_make "$out" "CONFIG_VIDEO_${name^^}=m" && keep_modules "$out"
}

# build_panel FOLDER: gpio-sim and uleds. irq_sim is no module in the kernel: it becomes one, which
# may not look into interrupt descriptors and has to ask for the same by the interrupt's number.
build_panel() {
	local out=$1
	say "builds gpio-sim and uleds, the kernel's virtual GPIO lines and lights"
	cp "${panel_sources[@]}" "$out/" || return
	sed -i 's/handle_simple_irq(irq_to_desc(irqnum))/generic_handle_irq_safe(irqnum)/
		$ a MODULE_LICENSE("GPL");
		s/^#include <linux\/slab.h>/&\n#include <linux\/module.h>/' "$out/irq_sim.c" || return
	printf 'obj-m := gpio-sim.o irq_sim.o uleds.o\n' >"$out/Makefile"
	kernel_make "$out" && keep_modules "$out"
}

build_vh264() {
	local out=$1
	say "builds vh264, our virtual H.264 encoder"
	cp "${vh264_sources[@]}" "$out/"
	kernel_make "$out" && keep_modules "$out"
}

keep_modules() { find "$1" -mindepth 1 ! -name '*.ko' -delete; }

# build_modules EXTRA… FOLDER: lib/modules with the modules named above and those of the folders EXTRA.
build_modules() {
	local out=${*: -1} dir file from=$kernel/image/lib/modules/$BOX_KERNEL
	say "collects the box's kernel modules"
	dir=$out/lib/modules/$BOX_KERNEL
	mkdir -p "$dir/extra"
	# shellcheck disable=SC2086 # a list of module names
	modprobe -d "$kernel/image" -S "$BOX_KERNEL" -a --show-depends $MODULES >"$out/list" || return
	sed -n 's/^insmod \([^ ]*\).*/\1/p' "$out/list" | sort -u | while read -r file; do
		install -D -m 644 "$file" "$dir/${file#"$from/"}"
	done || return
	cp "$from"/modules.{builtin,builtin.modinfo,order} "$dir/"
	for file in "${@:1:$#-1}"; do
		cp "$file"/*.ko "$dir/extra/" || return
	done
	depmod -b "$out" "$BOX_KERNEL"
}

# build_initramfs FOLDER: not compressed, since unpacking is what an emulated processor is slow at.
build_initramfs() {
	local out=$1 root=$1/root module file
	say "builds the box's initramfs"
	mkdir -p "$root"/{bb,dev,proc,sys,etc,modules,usr}
	for file in bin sbin lib; do ln -s "usr/$file" "$root/$file"; done
	cp "$userland/usr/bin/busybox" "$root/bb/"
	install -m 755 lab/box/guest/init "$root/init"
	install -m 644 lab/box/guest/inittab "$root/etc/inittab"
	printf 'root:x:0:0:root:/root:/bb/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\naudio:x:29:root\nvideo:x:44:root\n' >"$root/etc/group"
	printf '127.0.0.1 localhost box\n10.0.2.2 host\n' >"$root/etc/hosts"
	printf 'nameserver 10.0.2.3\n' >"$root/etc/resolv.conf"
	for module in $BOOT_MODULES; do
		file=$(find "$kernel/image/lib/modules/$BOX_KERNEL/kernel" -name "$module.ko")
		[ -n "$file" ] || {
			printf 'no module %s in the kernel %s\n' "$module" "$BOX_KERNEL"
			return 1
		}
		cp "$file" "$root/modules/"
		printf '%s.ko\n' "$module" >>"$root/modules/order"
	done
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -trimpath -ldflags '-s -w' -o "$root/agent" ./lab/box/agent || return
	(cd "$root" && find . -print0 | sort -z | cpio -0 -o -H newc -R 0:0 --quiet) >"$out/initramfs.cpio" || return
	rm -r "$root"
}

exec 9>"$CACHE/box/lock"
flock 9
me=$(hash_of -- lab/box/image.sh)
drivers=$kernel/source/drivers/media/test-drivers
extra=()
for name in $BOX_DRIVERS; do
	extra+=("$(in_cache "$name" "$(hash_of "$me" "$BOX_KERNEL_VERSION" -- "$drivers/$name"/*)" build_driver "$name")")
done
# shellcheck disable=SC2206 # a list of files
panel_sources=($BOX_PANEL_SOURCES)
panel_sources=("${panel_sources[@]/#/$kernel/source/}")
extra+=("$(in_cache panel "$(hash_of "$me" "$BOX_KERNEL_VERSION" -- "${panel_sources[@]}")" build_panel)")
mapfile -t vh264_sources < <(find lab/vh264 -maxdepth 1 -type f \( -name '*.[ch]' -o -name Makefile -o -name Kbuild \) 2>/dev/null | sort)
if grep -qs '^obj-m' lab/vh264/Makefile lab/vh264/Kbuild; then
	if vh264=$(in_cache vh264 "$(hash_of "$me" "$BOX_KERNEL_VERSION" -- "${vh264_sources[@]}")" build_vh264); then
		extra+=("$vh264")
	else
		[ "${1:-}" = lenient ] || exit 1
	fi
fi
modules=$(in_cache modules "$(hash_of "$me" "$BOX_KERNEL_VERSION" "${extra[@]}" -- /dev/null)" build_modules "${extra[@]}")
mapfile -t guest < <(find lab/box/agent lab/box/wire lab/box/guest -type f ! -name '*_test.go' | sort)
initramfs=$(in_cache initramfs "$(hash_of "$me" "$BOX_KERNEL_VERSION" "$userland" "$(go env GOVERSION)" -- "${guest[@]}")" build_initramfs)
# What no checkout has used for long. The packages stay, so that no network is needed should it come back.
touch "$kernel" "$userland" "$ffmpeg" "$systemd"
find "$CACHE/box" -mindepth 1 -maxdepth 1 -type d ! -name debs -mtime +14 -exec rm -rf {} +
printf '%s\n' "kernel=$kernel/image/boot/vmlinuz-$BOX_KERNEL" "release=$BOX_KERNEL" "initramfs=$initramfs/initramfs.cpio" \
	"userland=$userland/usr" "modules=$modules/lib/modules" "ffmpeg=$ffmpeg" "systemd=$systemd"
