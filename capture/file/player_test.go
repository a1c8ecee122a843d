package file

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/h264"
)

// got is a packet with the moment it was written.
type got struct {
	media.Packet
	now time.Duration
}

// play runs a packet source for d on the bubble's clock.
func play(t *testing.T, in *capture.Input, clock *media.Clock, d time.Duration) (all []got, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	err = in.Packets.Run(ctx, media.WriterFunc(func(p media.Packet) { all = append(all, got{p, clock.Now()}) }))
	return all, err
}

// check asserts what every consumer relies on.
func check(t *testing.T, all []got) (video, audio []got) {
	t.Helper()
	for i, p := range all {
		list := &video
		if p.Track.Kind() == media.Audio {
			list = &audio
		}
		if n := len(*list); n > 0 && p.DTS <= (*list)[n-1].DTS {
			t.Fatalf("packet %d %v: DTS %v after %v", i, p.Track, p.DTS, (*list)[n-1].DTS)
		}
		if len(*list) == 0 && !p.Key {
			t.Fatalf("first packet of %v is no key", p.Track)
		}
		if p.DTS > p.PTS {
			t.Fatalf("packet %d: DTS %v after PTS %v", i, p.DTS, p.PTS)
		}
		if early := p.DTS - p.now; early > slack || early < -slack {
			t.Fatalf("packet %d %v with DTS %v written at %v", i, p.Track, p.DTS, p.now)
		}
		if p.Track.Kind() == media.Video {
			if err := h264.Valid(p.Data); err != nil || len(p.Data) == 0 {
				t.Fatalf("packet %d: %d bytes, %v", i, len(p.Data), err)
			}
			idr := false
			for nal := range h264.Units(p.Data) {
				idr = idr || h264.Type(nal) == h264.TypeIDR
				if typ := h264.Type(nal); typ == h264.TypeAUD || typ == h264.TypeSPS && bytes.Equal(nal, p.Track.Video.SPS) {
					t.Fatalf("packet %d holds a NAL unit of type %d", i, typ)
				}
			}
			if idr != p.Key {
				t.Fatalf("packet %d: key is %v, IDR is %v", i, p.Key, idr)
			}
		}
		*list = append(*list, p)
	}
	return video, audio
}

// containers are the same programme in every container the package plays.
var containers = []struct {
	name string
	args []string
}{
	{"progressive.mp4", nil},
	{"faststart.mp4", []string{"-movflags", "+faststart"}},
	{"fragmented.mp4", []string{"-movflags", "+frag_keyframe+empty_moov+default_base_moof"}},
	{"every_frame.mp4", []string{"-movflags", "+frag_every_frame+empty_moov"}},
	{"negative_ctts.mp4", []string{"-movflags", "+negative_cts_offsets"}},
	{"quicktime.mov", nil},
	{"stream.ts", nil},
}

// TestLoopsHaveNoSeam plays several loops of each container.
func TestLoopsHaveNoSeam(t *testing.T) {
	for _, c := range containers {
		t.Run(c.name, func(t *testing.T) {
			path := clip(t, c.name, c.args...)
			synctest.Test(t, func(t *testing.T) {
				clock := media.NewClock()
				time.Sleep(time.Second / 3)
				in := mustOpen(t, Config{Path: path, Loop: true}, clock)
				all, err := play(t, in, clock, 21*time.Second)
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Fatal(err)
				}
				video, audio := check(t, all)
				if first := video[0]; first.DTS != time.Second/3 || !first.Key {
					t.Errorf("first picture at %v, key %v", first.DTS, first.Key)
				}
				if len(video) != 21*25 && len(video) != 21*25+1 { // the next one is due within the slack
					t.Errorf("%d pictures in 21 s", len(video))
				}
				for i, p := range video {
					if p.Track != video[0].Track {
						t.Fatalf("picture %d has another track", i)
					}
					step := time.Second / 25
					if want := video[0].DTS + time.Duration(i)*step; p.DTS < want-20*time.Microsecond || p.DTS > want+20*time.Microsecond {
						t.Fatalf("picture %d: DTS %v, want %v", i, p.DTS, want)
					}
					if i >= 50 && !bytes.Equal(p.Data, video[i-50].Data) {
						t.Fatalf("picture %d differs from the one a loop before", i)
					}
				}
				lead := video[0].PTS - video[0].DTS
				if lead <= 0 {
					t.Error("the clip has no reordered pictures: the test shows nothing")
				}
				for i, p := range audio {
					want := video[0].PTS + media.SamplesToDuration(int64(i)*1024, 48000)
					if p.DTS != want || p.PTS != want {
						t.Fatalf("sound %d at %v, want %v", i, p.PTS, want)
					}
				}
				if len(audio) < 21*46 {
					t.Errorf("%d frames of sound in 21 s", len(audio))
				}
			})
		})
	}
}

// TestPlaysToTheEndOnce compares what was delivered with what ffmpeg says is
// there, and decodes it.
func TestPlaysToTheEndOnce(t *testing.T) {
	for _, c := range containers {
		t.Run(c.name, func(t *testing.T) {
			path := clip(t, c.name, c.args...)
			synctest.Test(t, func(t *testing.T) {
				clock := media.NewClock()
				in := mustOpen(t, Config{Path: path}, clock)
				all, err := play(t, in, clock, time.Minute)
				if !errors.Is(err, ErrEnd) {
					t.Fatalf("Run: %v, want ErrEnd", err)
				}
				video, audio := check(t, all)
				if len(video) != 50 || len(audio) < 93 || len(audio) > 96 {
					t.Errorf("%d pictures and %d frames of sound", len(video), len(audio))
				}
				if end := clock.Now(); end < 2*time.Second || end > 2150*time.Millisecond {
					t.Errorf("ended at %v", end)
				}
				decode(t, video, audio)
			})
		})
	}
}

// decode has ffmpeg decode both elementary streams without an error.
func decode(t *testing.T, video, audio []got) {
	t.Helper()
	var v, a []byte
	for _, p := range video {
		if p.Key {
			v = append(append(append(v, 0, 0, 0, 1), p.Track.Video.SPS...), 0, 0, 0, 1)
			v = append(v, p.Track.Video.PPS...)
		}
		v = h264.AppendAnnexB(v, p.Data)
	}
	for _, p := range audio {
		c, err := aac.ParseConfig(p.Track.Audio.Config)
		if err != nil {
			t.Fatal(err)
		}
		if a, err = aac.AppendADTS(a, c, p.Data); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range map[string][]byte{"x.h264": v, "x.aac": a} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("ffmpeg", "-v", "error", "-xerror", "-i", path, "-f", "null", "-").CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("ffmpeg decodes %s: %v\n%s", name, err, out)
		}
	}
}

// TestSoundStaysWithThePictureOverAThousandLoops: the loop's length is no
// multiple of a frame of sound, so a drift would add up at once.
func TestSoundStaysWithThePictureOverAThousandLoops(t *testing.T) {
	prog := &programme{
		video:      &media.Track{Codec: media.H264, Video: &media.VideoParams{}},
		audio:      aac.Track(44100, 2),
		videoScale: 30000, audioScale: 44100, lead: 40 * time.Millisecond,
	}
	for _, c := range []struct {
		name   string
		frames int64 // of sound a loop; the picture lasts 150 frames of 1001/30000 s
	}{
		{"as long as the picture", 216}, {"one frame longer", 217}, {"much longer", 300},
		{"one frame shorter", 214}, {"much shorter", 20}, {"one frame", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			tl := newTimeline(prog, 0, true)
			var lastA, worst time.Duration
			period := media.FromTimescale(150*1001, 30000)
			for loop := range int64(1001) {
				base := media.FromTimescale(loop*150*1001, 30000) + prog.lead
				v, a := int64(0), int64(0)
				for v < 150 || a < c.frames {
					u := unit{track: prog.video, pts: v * 1001, dts: v*1001 - 1200, dur: 1001}
					sound := a < c.frames && (v == 150 || a*1024*300 < (v*1001-1200)*441)
					if sound {
						u = unit{track: prog.audio, pts: a * 1024, dts: a * 1024, dur: 1024, data: []byte{byte(a), byte(a >> 8), byte(loop), byte(loop >> 8), 99}}
					}
					for _, p := range tl.place(nil, u, v == 150) {
						if p.Track == prog.video {
							if want := base + media.FromTimescale(v*1001, 30000); p.PTS != want {
								t.Fatalf("loop %d picture %d at %v, want %v", loop, v, p.PTS, want)
							}
							continue
						}
						if step := p.PTS - lastA; lastA > 0 && (step < 23219954 || step > 23219956) {
							t.Fatalf("loop %d: sound steps by %v", loop, step)
						}
						lastA = p.PTS
						if len(p.Data) == 5 { // the file's own, perhaps of the loop before
							from := int64(p.Data[2]) + int64(p.Data[3])<<8
							own := prog.lead + media.FromTimescale(from*150*1001, 30000) + media.SamplesToDuration(1024*(int64(p.Data[0])+int64(p.Data[1])<<8), 44100)
							worst = max(worst, max(own-p.PTS, p.PTS-own))
						}
					}
					if sound {
						a++
					} else {
						v++
					}
				}
				if err := tl.turn(); err != nil {
					t.Fatal(err)
				}
				if loop > 0 && lastA > base+period {
					t.Fatalf("loop %d: sound at %v, after the loop's end at %v", loop, lastA, base+period)
				}
			}
			if worst > 11610*time.Microsecond { // half a frame
				t.Errorf("sound is up to %v away from its time", worst)
			}
		})
	}
}

// TestSleepingMachineGoesOnInRealTime: after a pause the file goes on where it
// was, without a burst.
func TestSleepingMachineGoesOnInRealTime(t *testing.T) {
	path := clip(t, "x.mp4")
	synctest.Test(t, func(t *testing.T) {
		clock := media.NewClock()
		in := mustOpen(t, Config{Path: path, Loop: true}, clock)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		n := 0
		var all []got
		_ = in.Packets.Run(ctx, media.WriterFunc(func(p media.Packet) {
			all = append(all, got{p, clock.Now()})
			if n++; n == 100 {
				time.Sleep(10 * time.Second)
			}
		}))
		check(t, all)
		if len(all) < 600 || len(all) > 780 {
			t.Errorf("%d packets in 10 s of play", len(all))
		}
	})
}
