package h264

import "github.com/encoderbox/encoderbox/media"

// level is a row of H.264 table A-1.
type level struct {
	idc     uint8 // level_idc
	mbps    int64 // MaxMBPS, macroblocks a second
	frame   int64 // MaxFS, macroblocks a frame
	dpbMbs  int   // MaxDpbMbs
	bitrate int64 // MaxBR × 1000: bits a second of Baseline, Main and Extended
}

// levels is table A-1 without level 1b.
var levels = [...]level{
	{10, 1485, 99, 396, 64_000},
	{11, 3000, 396, 900, 192_000},
	{12, 6000, 396, 2376, 384_000},
	{13, 11880, 396, 2376, 768_000},
	{20, 11880, 396, 2376, 2_000_000},
	{21, 19800, 792, 4752, 4_000_000},
	{22, 20250, 1620, 8100, 4_000_000},
	{30, 40500, 1620, 8100, 10_000_000},
	{31, 108000, 3600, 18000, 14_000_000},
	{32, 216000, 5120, 20480, 20_000_000},
	{40, 245760, 8192, 32768, 20_000_000},
	{41, 245760, 8192, 32768, 50_000_000},
	{42, 522240, 8704, 34816, 50_000_000},
	{50, 589824, 22080, 110400, 135_000_000},
	{51, 983040, 36864, 184320, 240_000_000},
	{52, 2073600, 36864, 184320, 240_000_000},
	{60, 4177920, 139264, 696320, 240_000_000},
	{61, 8355840, 139264, 696320, 480_000_000},
	{62, 16711680, 139264, 696320, 800_000_000},
}

// LevelFor is the lowest level_idc whose limits on picture size, macroblock
// rate and bit rate (table A-1, Baseline and Main) hold such a stream; 62 when
// none does. An unknown frame rate counts as 60.
func LevelFor(width, height int, fps media.Rational, maxBitrate int) uint8 {
	if fps.IsZero() {
		fps = media.Rational{Num: 60, Den: 1}
	}
	w, h := int64(width+15)/16, int64(height+15)/16
	for _, l := range levels {
		if w*h <= l.frame && w*w <= 8*l.frame && h*h <= 8*l.frame &&
			w*h*int64(fps.Num) <= l.mbps*int64(fps.Den) &&
			int64(maxBitrate) <= l.bitrate {
			return l.idc
		}
	}
	return levels[len(levels)-1].idc
}
