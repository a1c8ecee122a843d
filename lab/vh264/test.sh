#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Compiles the stream writer for this machine and has ffmpeg decode what it
# writes: every picture must come back as it went in, without a complaint.
set -eu
cd "$(dirname "$0")"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

${CC:-cc} -O2 -g -Wall -Wextra -Werror -fsanitize=address,undefined \
	-o "$dir/writer" test/writer.c bitstream.c picture.c

check() {
	"$dir/writer" "$@" "$dir/out.h264" "$dir/want.yuv"
	complaint=$(ffmpeg -nostdin -xerror -v error -i "$dir/out.h264" \
		-fps_mode passthrough -f rawvideo -pix_fmt yuv420p \
		-y "$dir/got.yuv" 2>&1) || complaint="$complaint (exit)"
	if [ -n "$complaint" ]; then
		echo "FAIL $*: ffmpeg: $complaint" >&2
		exit 1
	fi
	cmp "$dir/want.yuv" "$dir/got.yuv" || {
		echo "FAIL $*: decoded pictures differ" >&2
		exit 1
	}
	echo "ok   $*"
}

# width height layout pictures gop held-back
for layout in nv12 i420 yuyv; do
	check 32 32 $layout 40 10 0
	check 98 66 $layout 40 12 0
	check 320 180 $layout 30 30 0
	check 640 360 $layout 20 7 0
	check 1920 1080 $layout 6 4 0
done
check 98 66 nv12 600 600 0
check 98 66 nv12 40 1 0
check 98 66 nv12 61 60 1
check 98 66 i420 61 13 2
check 320 180 yuyv 300 300 3
check 640 360 nv12 25 12 4
