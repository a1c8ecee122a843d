package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/lab/measure"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// fan are the sinks of a job with several destinations of one protocol: one
// nginx with a stream a destination, or one program with an SRT listener each.
type fan struct {
	job   job
	nginx *peer.Nginx
	srt   *peer.Process
	dir   string   // the SRT sink's
	ports []string // of the SRT sink
}

var _ receivers = (*fan)(nil)

func (b *bench) startFan(tb peer.TB, j job) *fan {
	tb.Helper()
	f := &fan{job: j}
	if j.rtmp {
		f.nginx = peer.StartNginx(tb, peer.NginxOptions{})
		return f
	}
	f.dir = tb.TempDir()
	f.srt = peer.Start(tb, peer.Command{Name: "srtsink", Args: []string{b.srtSink,
		"-latency", fmt.Sprint(srtLatency.Milliseconds()), "-streams", fmt.Sprint(j.copies), f.dir}})
	for deadline := time.Now().Add(10 * time.Second); len(f.ports) < j.copies; {
		f.ports = slices.DeleteFunc(strings.Fields(f.srt.Log()), func(word string) bool { return word == "port" })
		if time.Now().After(deadline) {
			tb.Fatalf("the SRT sink listens on %d ports only:\n%s", len(f.ports), f.srt.Log())
		}
		time.Sleep(20 * time.Millisecond)
	}
	return f
}

func (f *fan) stream(i int) string { return fmt.Sprintf("%s%02d", streamName, i+1) }

// url of a destination, for encoderd and as a base for others.
func (f *fan) url(i int) string {
	if f.job.rtmp {
		return f.nginx.URL(f.stream(i))
	}
	return "srt://" + f.addr(i)
}

// addr is host and port of an SRT destination.
func (f *fan) addr(i int) string { return "127.0.0.1:" + f.ports[i] }

func (f *fan) received(ctx context.Context) (received, error) {
	r := received{each: make([]int64, f.job.copies)}
	if f.job.srt {
		counts, err := os.ReadFile(filepath.Join(f.dir, "counts"))
		if err != nil {
			return r, err
		}
		r.at = time.Now()
		for i := range r.each {
			r.each[i] = int64(binary.NativeEndian.Uint64(counts[i*16:]))
			if callers := binary.NativeEndian.Uint64(counts[i*16+8:]); callers > 1 {
				return r, fmt.Errorf("%w: %s was connected %d times", errVoid, f.url(i), callers)
			}
		}
		return r, nil
	}
	st, err := f.nginx.Stat(ctx)
	if err != nil {
		return r, err
	}
	r.at = time.Now()
	for i := range r.each {
		for _, s := range st.Streams {
			if s.Name == f.stream(i) {
				r.each[i] = s.BytesIn
			}
		}
	}
	return r, nil
}

func (f *fan) all(r received, enough int64) bool {
	return slices.Min(r.each) > enough
}

// sameStream is by how much what a sink got may differ from what the others got.
const sameStream = 0.02

// check says which sink did not get the stream between a and b: within 2 % what
// the middle one got, and that what the media and the container weigh.
func (f *fan) check(a, b received, rate float64) error {
	got := make([]float64, len(a.each))
	for i := range got {
		got[i] = float64(b.each[i] - a.each[i])
	}
	want := rate * b.at.Sub(a.at).Seconds()
	low, high := 1-sameStream, 1+sameStream // FLV weighs what MP4 does
	if f.job.srt {
		high = 1.08 // transport stream packets
	}
	var wrong []error
	middle := measure.Median(got)
	if middle < want*low || middle > want*high {
		wrong = append(wrong, fmt.Errorf("the sinks got %.0f bytes of %.0f", middle, want))
	}
	for i, n := range got {
		if math.Abs(n-middle) > middle*sameStream {
			wrong = append(wrong, fmt.Errorf("destination %d got %.0f bytes, the others %.0f", i+1, n, middle))
		}
	}
	if wrong != nil {
		return fmt.Errorf("%w: %w", errVoid, errors.Join(wrong...))
	}
	return nil
}

// checkTracks says which sink lacks the picture or the sound.
func (f *fan) checkTracks(ctx context.Context) error {
	if f.job.rtmp {
		st, err := f.nginx.Stat(ctx)
		if err != nil {
			return err
		}
		for _, s := range st.Streams {
			if s.Video.Codec != "H264" || s.Audio.Codec != "AAC" {
				return fmt.Errorf("nginx does not see H.264 and AAC in %s but %+v", s.Name, s)
			}
		}
		return nil
	}
	for _, port := range f.ports {
		if err := checkTS(ctx, filepath.Join(f.dir, port+".ts")); err != nil {
			return fmt.Errorf("port %s: %w", port, err)
		}
	}
	return nil
}

func (f *fan) cpu() time.Duration {
	if f.job.rtmp {
		return measure.CPUTime(f.nginx.Process().PID())
	}
	return measure.CPUTime(f.srt.PID())
}
