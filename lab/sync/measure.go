// Package avsync measures how far sound and picture are apart in what a receiver
// gets of a programme that flashes white and beeps at the same times, once a second.
//
// The folder is called sync; the package is not, so that it can be imported beside
// the standard library's.
//
// # What the number means
//
// An offset is the beep's presentation time less the flash's: positive when the
// sound is late. Both times are ffmpeg's, after demuxing and decoding, on the one
// clock of the container (-copyts: nothing is shifted to start at zero, so a
// stream that starts later than the other is seen as it is).
//
// A flash is known to the picture at which it begins, a beep to one millisecond.
// AAC smears a beep's onset over some milliseconds; the moment counts at which half
// the loudness is reached.
//
// AAC encoders put priming samples (1024 with most) before the first sound.
// ffmpeg's decoder gives out each packet's samples at the packet's PTS and takes
// nothing off for a decoder's delay. So: in MPEG-TS and FLV, where nothing tells of
// priming, the sender must give the first packet a PTS that is earlier by the
// priming; if it does not, the beep is 21.3 ms late at 48 kHz, and this measures it.
// In MP4 the reader drops the samples that an edit list or a skip annotation
// names and gives the rest their edited times; fragments without an edit list are
// read at their decode times like TS. A player that ignores edit lists would see the
// priming again; what it would see, [Options].InputArgs "-ignore_editlist", "1" shows.
package avsync

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
)

// Options say what to measure. The zero value measures a whole file that flashes
// over the whole picture.
type Options struct {
	Duration  time.Duration // of the input; needed for a live one
	Period    time.Duration // between flashes; a second when zero
	Crop      string        // w:h:x:y, the part of the picture that flashes, as ffmpeg's crop takes it
	InputArgs []string      // of ffmpeg, before the input
}

// Event is one flash with its beep.
type Event struct {
	Flash, Beep time.Duration
}

// Offset is how late the sound is; negative when it is early.
func (e Event) Offset() time.Duration { return e.Beep - e.Flash }

// Result is what was measured.
type Result struct {
	Events []Event
	// Unpaired counts flashes without a beep and beeps without a flash, save at
	// the ends of the recording, where the other may have been cut off.
	Unpaired int
	// VideoStart and AudioStart are the first presentation times.
	VideoStart, AudioStart time.Duration
}

// Median is the middle offset.
func (r Result) Median() time.Duration {
	if len(r.Events) == 0 {
		return 0
	}
	o := r.offsets()
	slices.Sort(o)
	if n := len(o); n%2 == 0 {
		return (o[n/2-1] + o[n/2]) / 2
	}
	return o[len(o)/2]
}

// Worst is the offset farthest from zero, with its sign.
func (r Result) Worst() time.Duration {
	var worst time.Duration
	for _, o := range r.offsets() {
		if o.Abs() > worst.Abs() {
			worst = o
		}
	}
	return worst
}

func (r Result) offsets() []time.Duration {
	o := make([]time.Duration, len(r.Events))
	for i, e := range r.Events {
		o[i] = e.Offset()
	}
	return o
}

// String is a line for a test's log.
func (r Result) String() string {
	return fmt.Sprintf("A/V offset median %v, worst %v over %d flashes (%d unpaired; video from %v, audio from %v)",
		r.Median(), r.Worst(), len(r.Events), r.Unpaired, r.VideoStart, r.AudioStart)
}

// minEvents is the least number of flashes that counts as a measurement.
const minEvents = 3

// Measure reads a file or a URL and finds its flashes and beeps. Fewer than three
// pairs are an error: a measurement that saw nothing is none.
func Measure(ctx context.Context, input string, o Options) (Result, error) {
	if o.Period == 0 {
		o.Period = time.Second
	}
	video, audio, err := levels(ctx, input, o)
	if err != nil {
		return Result{}, fmt.Errorf("avsync: %s: %w", input, err)
	}
	flashes, ferr := onsets(video, minContrast)
	beeps, berr := onsets(audio, minLoudness)
	if ferr != nil {
		ferr = fmt.Errorf("find flashes in %d pictures: %w", len(video), ferr)
	}
	if berr != nil {
		berr = fmt.Errorf("find beeps in %d ms of sound: %w", len(audio), berr)
	}
	if err := errors.Join(ferr, berr); err != nil {
		return Result{}, fmt.Errorf("avsync: %s: %w", input, err)
	}
	r := pair(flashes, beeps, o.Period, max(video[0].at, audio[0].at), min(video[len(video)-1].at, audio[len(audio)-1].at))
	r.VideoStart, r.AudioStart = video[0].at, audio[0].at
	if len(r.Events) < minEvents {
		return r, fmt.Errorf("avsync: %s: only %d of %d flashes have a beep of %d near them", input, len(r.Events), len(flashes), len(beeps))
	}
	return r, nil
}

// levels lets ffmpeg decode the input once and returns the brightness of each
// picture (0 to 255) and the peak of each millisecond of sound (0 to 1).
func levels(ctx context.Context, input string, o Options) (video, audio []level, err error) {
	dir, err := os.MkdirTemp("", "avsync-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	if !strings.Contains(input, "://") {
		if input, err = filepath.Abs(input); err != nil {
			return nil, nil, err
		}
	}
	log, err := peer.Run(ctx, peer.Command{Dir: dir, Args: ffmpegArgs(input, o)})
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(log))
	}
	video, verr := readLevels(filepath.Join(dir, "video.txt"), func(v float64) float64 { return v })
	audio, aerr := readLevels(filepath.Join(dir, "audio.txt"), fromDecibels)
	return video, audio, errors.Join(verr, aerr)
}

func ffmpegArgs(input string, o Options) []string {
	crop := ""
	if o.Crop != "" {
		crop = "crop=" + o.Crop + ","
	}
	args := []string{"ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-v", "error", "-copyts"}
	if o.Duration > 0 { // of the input: an output's would count from time zero, not from its start
		args = append(args, "-t", strconv.FormatFloat(o.Duration.Seconds(), 'f', 3, 64))
	}
	args = append(args, o.InputArgs...)
	args = append(args, "-i", input, "-map", "0:v:0", "-vf", crop+"scale=32:18:flags=area,format=gray,"+
		"signalstats,settb=1/1000000,metadata=mode=print:key=lavfi.signalstats.YAVG:file=video.txt", "-fps_mode", "passthrough",
		"-f", "null", "-", "-map", "0:a:0", "-af", "aresample=48000,"+
			"aformat=sample_fmts=fltp:channel_layouts=mono,asetnsamples=n=48:p=0,"+
			"astats=metadata=1:reset=1:measure_perchannel=none:measure_overall=Peak_level,asettb=1/1000000,"+
			"ametadata=mode=print:key=lavfi.astats.Overall.Peak_level:file=audio.txt", "-f", "null", "-")
	return args
}
