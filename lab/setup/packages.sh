# shellcheck shell=bash
# The one list of what the project needs from the distribution; to be sourced.
# shellcheck disable=SC2034 # read by whoever sources it
#
# A line: PURPOSE  PACKAGE  COMMAND  WHY
# A package counts as there when dpkg says so, or when COMMAND (unless "-") is on the PATH.
PACKAGES='
base   make                     make          runs the Makefile
base   git                      git           names the version being built
base   ca-certificates          -             lets Go and npm download over TLS

build  gcc                      gcc           compiles the C that cgo calls
build  g++                      g++           links openh264, which is C++
build  pkg-config               pkg-config    finds C libraries
build  libsrt-openssl-dev       -             SRT transport (headers and library)
build  libyuv-dev               -             converts and scales pictures (headers and library)
build  libturbojpeg0-dev        -             decodes the JPEG pictures of USB cameras (headers and library)

lint   shellcheck               shellcheck    checks the scripts

test   ffmpeg                   ffmpeg        reads back what we deliver; makes test material
test   nginx                    -             web and RTMP server that tests push to
test   libnginx-mod-rtmp        -             the RTMP part of it
test   stunnel4                 stunnel4      TLS in front of it, for RTMPS
test   srt-tools                srt-live-transmit  SRT receiver that tests push to
test   icecast2                 icecast2      radio server that tests send sound to
test   opencv-doc               -             real footage (vtest.avi) that tests stream
test   chromium                 chromium      browser that tests play the page in

test   tmux                     tmux          is the terminal that tests type on, on a serial line
test   picocom                  picocom       terminal program for it
test   systemd                  networkctl    systemd-networkd, which tests have configure links
test   dbus-daemon              dbus-daemon   how they talk to it
test   libxml2-utils            xmllint       holds DASH manifests against the schema
test   nodejs                   node          runs the WHIP endpoint of werift; fetches the players, with npm
test   npm                      npm           fetches dash.js and Shaka, which tests play with
assets nodejs                   node          builds the page
assets npm                      npm           fetches what the page is built from

cross  gcc-aarch64-linux-gnu    -             C for arm64
cross  g++-aarch64-linux-gnu    -             C++ for arm64
cross  gcc-arm-linux-gnueabihf  -             C for armv7
cross  g++-arm-linux-gnueabihf  -             C++ for armv7
cross  pkg-config               pkg-config    finds libraries of the targets
cross  file                     file          tells what a binary was built for
cross  qemu-user-static         qemu-aarch64  starts ARM binaries here, as a proof

box    qemu-system-arm          qemu-system-aarch64  runs the virtual ARM box
box    gcc-aarch64-linux-gnu    -             C for arm64: encoderd, kernel modules
box    g++-aarch64-linux-gnu    -             C++ for arm64
box    pkg-config               pkg-config    finds libraries of the target
box    cpio                     cpio          packs what the box boots from
box    kmod                     -             finds what a kernel module depends on
box    xz-utils                 xz            unpacks the kernel source
box    e2fsprogs                mkfs.ext4     makes and checks the file systems of its disks
box    debian-archive-keyring   -             checks the kernel packages, which come from Debian
'

# What a purpose of install.sh takes from the list above.
purpose_groups() {
	case $1 in
	base) echo base ;;
	run) echo base build ;;
	test) echo base build test ;;
	lint) echo base build lint ;;
	cross) echo base build cross ;;
	box) echo base box ;;
	assets) echo base assets ;;
	*) return 1 ;;
	esac
}

# Development packages that make cross unpacks for each target (never installed on this machine).
# Their dependencies, the C library included, come along.
TARGET_LIBRARIES='libsrt-openssl-dev libyuv-dev libturbojpeg0-dev libstdc++6'

# The virtual ARM box runs this kernel of Debian 12 (bookworm), whatever the machine runs: its
# modules are what tests rely on. To move on, take the newest linux-image-6.1.0-N-arm64 of
# https://packages.debian.org/bookworm/linux-image-arm64 and its version.
BOX_RELEASE=bookworm
BOX_KERNEL=6.1.0-50-arm64
BOX_KERNEL_VERSION=6.1.176-1
# Virtual drivers that Debian does not build, from that kernel's source: those of
# drivers/media/test-drivers, and what a front panel is made of, GPIO lines (gpio-sim, which needs
# irq_sim) and lights (uleds).
BOX_DRIVERS='vicodec vimc'
BOX_PANEL_SOURCES='drivers/gpio/gpio-sim.c drivers/gpio/gpiolib.h kernel/irq/irq_sim.c drivers/leds/uleds.c'

# What the box has beside the libraries above: its commands, and, in trees of their own, the
# program that benchmarks compare with, and systemd-networkd with what it needs, Wi-Fi and access
# point included. They are of the same release as the libraries.
BOX_PROGRAMS='busybox-static v4l-utils alsa-utils iproute2'
BOX_FFMPEG='ffmpeg'
BOX_SYSTEMD='systemd dbus-daemon wpasupplicant hostapd iw'

# Raised when lab/setup/box.sh unpacks differently than before.
BOX_LAYOUT=4
