package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/measure"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/lab/viewer"
)

// sinks are where a contender's stream goes: the folder of segments, the
// recording, and viewers.
type sinks struct {
	job       job
	hls, disk *measure.Meter
	viewers   []*viewer.Viewer
}

func watch(tb peer.TB, j job, p contender) *sinks {
	return &sinks{job: j, hls: measure.NewMeter(tb, p.hls, isSegment), disk: measure.NewMeter(tb, p.disk, isRecording)}
}

// sample is the state of a trial at one moment.
type sample struct {
	at       time.Time
	hls      int64   // bytes in the folder so far
	recorded int64   // bytes of the recording
	viewed   []int64 // bytes that each viewer fetched
	flash    int64   // bytes that the contender wrote to the disk
	device   int64   // bytes that the disk's device was given
	cpu, own time.Duration
	machine  measure.MachineTime
	storage  status.Storage
}

func (b *bench) sample(s *sinks, p contender) (x sample, err error) {
	select {
	case <-p.Done():
		return x, fmt.Errorf("it has ended:\n%s", p.Log())
	default:
	}
	x.at, x.cpu, x.own = time.Now(), measure.CPUTime(p.PID()), measure.CPUTime(os.Getpid())
	if x.machine, err = measure.ReadMachineTime(); err != nil {
		return x, err
	}
	x.hls = s.hls.Bytes()
	for _, v := range s.viewers {
		x.viewed = append(x.viewed, v.Bytes())
	}
	const attempts = 20
	for range attempts { // between two writes
		before, err := measure.BytesWritten(p.PID())
		if err != nil {
			return x, err
		}
		x.recorded = s.disk.Bytes()
		if x.device, err = b.disk.Written(); err != nil {
			return x, err
		}
		if x.flash, err = measure.BytesWritten(p.PID()); err != nil {
			return x, err
		}
		if before == x.flash {
			break
		}
	}
	if p.daemon != nil {
		if st := encoderd.Stream(p.daemon.Status(), "main").Storage; st != nil {
			x.storage = *st
		}
	}
	return x, nil
}

// await returns once every sink receives media.
func (s *sinks) await(ctx context.Context, p *peer.Process) error {
	const enough = 200_000
	deadline := time.Now().Add(30 * time.Second)
	for {
		hls, disk, viewed := s.hls.Bytes(), s.disk.Bytes(), int64(enough)
		for _, v := range s.viewers {
			viewed = min(viewed, v.Bytes())
		}
		if hls >= enough && (!s.job.recorded || disk >= enough) && viewed >= enough {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.Done():
			return fmt.Errorf("it has ended:\n%s", p.Log())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after 30 s not every sink receives (HLS %d, recording %d, viewers %d bytes):\n%s", hls, disk, viewed, p.Log())
		}
	}
}

// segmentSlack is by how much what a sink got in a window may differ: a segment
// may appear whole at its end.
const segmentSlack = 2200 * time.Millisecond

// check says which sink did not get what it must have between a and b. rate is
// the media's, in bytes a second; its bit rate is constant over a second, not
// from picture to picture. A viewer fetches late by up to a look of a second.
func (s *sinks) check(a, b sample, rate float64) error {
	elapsed := b.at.Sub(a.at).Seconds()
	var wrong []string
	leg := func(name string, bytes int64, slack time.Duration) {
		low := rate * (elapsed*0.92 - slack.Seconds())
		high := rate * (elapsed*1.08 + slack.Seconds())
		if float64(bytes) < low || float64(bytes) > high {
			wrong = append(wrong, fmt.Sprintf("%s got %d bytes in %.1f s, not %.0f to %.0f", name, bytes, elapsed, low, high))
		}
	}
	leg("the HLS folder", b.hls-a.hls, segmentSlack)
	if s.job.recorded {
		leg("the recording", b.recorded-a.recorded, segmentSlack)
	}
	for i, name := range []string{"the HLS viewer", "the DASH viewer"} {
		if s.job.watched {
			leg(name, b.viewed[i]-a.viewed[i], segmentSlack+time.Second)
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %s", errVoid, strings.Join(wrong, "; "))
	}
	if told := int64(b.storage.Written); b.storage.Path != "" {
		if told > b.recorded+int64(rate) || float64(told) < float64(b.recorded)-rate*segmentSlack.Seconds() {
			return fmt.Errorf("the status says that %d bytes were written to storage, where %d are", told, b.recorded)
		}
		if b.storage.Lost > 0 || b.storage.Faults > 0 {
			return fmt.Errorf("%w: storage lost something: %+v", errVoid, b.storage)
		}
	}
	return nil
}
