# shellcheck shell=bash
# The one list of what the project needs from the distribution; to be sourced.
#
# A line: PURPOSE  PACKAGE  COMMAND  WHY
# A package counts as there when dpkg says so, or when COMMAND (unless "-") is on the PATH.
# shellcheck disable=SC2034 # read by install.sh
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
test   opencv-doc               -             real footage (vtest.avi) that tests stream
test   chromium                 chromium      browser that tests play the page in

assets nodejs                   node          builds the page
assets npm                      npm           fetches what the page is built from

cross  gcc-aarch64-linux-gnu    -             C for arm64
cross  g++-aarch64-linux-gnu    -             C++ for arm64
cross  gcc-arm-linux-gnueabihf  -             C for armv7
cross  g++-arm-linux-gnueabihf  -             C++ for armv7
cross  pkg-config               pkg-config    finds libraries of the targets
cross  file                     file          tells what a binary was built for
cross  qemu-user-static         qemu-aarch64  starts ARM binaries here, as a proof
'

# What a purpose of install.sh takes from the list above.
purpose_groups() {
	case $1 in
	base) echo base ;;
	run) echo base build ;;
	test) echo base build test ;;
	lint) echo base build lint ;;
	cross) echo base cross ;;
	assets) echo base assets ;;
	*) return 1 ;;
	esac
}

# Development packages that make cross unpacks for each target (never installed on this machine).
# Their dependencies, the C library included, come along.
# shellcheck disable=SC2034 # read by sysroot.sh and env.sh
TARGET_LIBRARIES='libsrt-openssl-dev libyuv-dev libturbojpeg0-dev libstdc++6'
