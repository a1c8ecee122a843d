package v4l2

// ceaMode is a video format of CTA-861.
type ceaMode struct {
	vic           uint8
	width, height int
	interlaced    bool
	kHz           int
	hBlank        [3]int // front porch, sync, back porch
	vBlank        [3]int // of the first field; the second's back porch has a line more
	positive      bool   // polarity of both syncs
}

// ceaModes are those an encoder box may want to show to sources.
func ceaModes() []ceaMode {
	return []ceaMode{
		{1, 640, 480, false, 25175, [3]int{16, 96, 48}, [3]int{10, 2, 33}, false},
		{3, 720, 480, false, 27000, [3]int{16, 62, 60}, [3]int{9, 6, 30}, false},
		{4, 1280, 720, false, 74250, [3]int{110, 40, 220}, [3]int{5, 5, 20}, true},
		{5, 1920, 1080, true, 74250, [3]int{88, 44, 148}, [3]int{2, 5, 15}, true},
		{16, 1920, 1080, false, 148500, [3]int{88, 44, 148}, [3]int{4, 5, 36}, true},
		{18, 720, 576, false, 27000, [3]int{12, 64, 68}, [3]int{5, 5, 39}, false},
		{19, 1280, 720, false, 74250, [3]int{440, 40, 220}, [3]int{5, 5, 20}, true},
		{20, 1920, 1080, true, 74250, [3]int{528, 44, 148}, [3]int{2, 5, 15}, true},
		{31, 1920, 1080, false, 148500, [3]int{528, 44, 148}, [3]int{4, 5, 36}, true},
		{32, 1920, 1080, false, 74250, [3]int{638, 44, 148}, [3]int{4, 5, 36}, true},
		{33, 1920, 1080, false, 74250, [3]int{528, 44, 148}, [3]int{4, 5, 36}, true},
		{34, 1920, 1080, false, 74250, [3]int{88, 44, 148}, [3]int{4, 5, 36}, true},
		{60, 1280, 720, false, 59400, [3]int{1760, 40, 220}, [3]int{5, 5, 20}, true},
		{61, 1280, 720, false, 74250, [3]int{2420, 40, 220}, [3]int{5, 5, 20}, true},
		{62, 1280, 720, false, 74250, [3]int{1760, 40, 220}, [3]int{5, 5, 20}, true},
		{93, 3840, 2160, false, 297000, [3]int{1276, 88, 296}, [3]int{8, 10, 72}, true},
		{94, 3840, 2160, false, 297000, [3]int{1056, 88, 296}, [3]int{8, 10, 72}, true},
		{95, 3840, 2160, false, 297000, [3]int{176, 88, 296}, [3]int{8, 10, 72}, true},
	}
}

// CEATimings are the timings of a video identification code of CTA-861, such
// as 31 for 1920x1080p50; false for codes not known here.
func CEATimings(vic int) (DVTimings, bool) {
	for _, m := range ceaModes() {
		if int(m.vic) == vic {
			return m.timings(), true
		}
	}
	return DVTimings{}, false
}

func (m ceaMode) timings() DVTimings {
	const bothPositive, standardCEA = 3, 1
	t := DVTimings{
		Width: m.width, Height: m.height, Interlaced: m.interlaced, PixelClock: uint64(m.kHz) * 1000,
		HFront: m.hBlank[0], HSync: m.hBlank[1], HBack: m.hBlank[2],
		VFront: m.vBlank[0], VSync: m.vBlank[1], VBack: m.vBlank[2],
		Standards: standardCEA, Flags: DVIsCEVideo | dvHasCEA861VIC, CEA861VIC: m.vic,
	}
	if m.positive {
		t.Polarities = bothPositive
	}
	if m.interlaced {
		t.ILVFront, t.ILVSync, t.ILVBack = t.VFront, t.VSync, t.VBack+1
	}
	if m.vic == 1 {
		t.Flags &^= DVIsCEVideo // its RGB has full range
	}
	if m.vic >= 93 && m.vic <= 95 { // HDMI numbered the modes of 4K before CTA-861 did, the fastest first
		t.HDMIVIC = 96 - m.vic
		t.Flags |= dvHasHDMIVIC
	}
	if r := t.FrameRate(); r.Num/r.Den%6 == 0 && r.Den == 1 {
		t.Flags |= DVCanReduceFPS
	}
	return t
}
