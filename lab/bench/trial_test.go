package main

import (
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/measure"
)

func TestCostsLeaveOthersWhatIsNotOurs(t *testing.T) {
	at := time.Unix(100, 0)
	a := sample{at: at, cpu: time.Second, libsrt: time.Second / 2, machine: measure.MachineTime{Busy: 50, Steal: 1}}
	b := sample{at: at.Add(10 * time.Second), cpu: 2 * time.Second, libsrt: 3 * time.Second / 4,
		sinks: 500 * time.Millisecond, own: 500 * time.Millisecond, machine: measure.MachineTime{Busy: 57, Steal: 2}}
	var got trial
	got.costs(a, b)
	if got.CPU != 0.1 || got.LibSRT != 0.025 || got.Others != 0.5 || got.Steal != 0.1 {
		t.Errorf("%+v", got)
	}
}

func TestASinkThatMissesItsBytesVoidsTheTrial(t *testing.T) {
	at := time.Unix(100, 0)
	begin := received{at: at, hls: 5, rtmp: 5, srt: 5}
	full := received{at: at.Add(10 * time.Second), hls: 10_000_005, rtmp: 10_000_005, srt: 10_500_005}
	s := &sinks{job: allThree}
	if err := s.check(begin, full, 1e6); err != nil {
		t.Errorf("all legs full: %v", err)
	}
	segmentLess := full
	segmentLess.hls -= 2_000_000
	if err := s.check(begin, segmentLess, 1e6); err != nil {
		t.Errorf("the last segment not there yet: %v", err)
	}
	for name, spoil := range map[string]func(*received){
		"the HLS folder":    func(r *received) { r.hls = begin.hls + 6_000_000 },
		"nginx":             func(r *received) { r.rtmp = begin.rtmp },
		"srt-live-transmit": func(r *received) { r.srt = begin.srt + 20_000_000 },
	} {
		bad := full
		spoil(&bad)
		if err := s.check(begin, bad, 1e6); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (&sinks{job: srtOnly}).check(begin, received{at: full.at, srt: full.srt}, 1e6); err != nil {
		t.Errorf("legs that are not sent count: %v", err)
	}
}

func TestEveryJobIsMeasuredBesideFFmpeg(t *testing.T) {
	has := map[string]bool{}
	for _, c := range cases {
		if has[c.name()] {
			t.Errorf("%s stands twice", c.name())
		}
		has[c.name()] = true
	}
	for _, j := range []job{hlsOnly, rtmpOnly, srtOnly, allThree} {
		if !has[ours+": "+j.String()] || !has[theirs+": "+j.String()] {
			t.Errorf("%s is not measured with both programs", j)
		}
	}
}
