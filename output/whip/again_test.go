package whip

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"github.com/encoderbox/encoderbox/media"
)

func TestAPacketIsNotSentAgainAsOftenAsItIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stream{}
		s.ring[7], s.sent[7] = &rtp.Packet{Header: rtp.Header{SequenceNumber: 7}}, time.Now()
		for _, tc := range []struct {
			after, rtt time.Duration
			want       bool
		}{
			{0, 0, false}, // the round trip is not known yet
			{leastAgain, 0, true},
			{leastAgain - 1, 0, false},
			{1, 0, true},
			{20 * time.Millisecond, 100 * time.Millisecond, false},
			{30 * time.Millisecond, 100 * time.Millisecond, true},
		} {
			time.Sleep(tc.after)
			if got := s.again(7, tc.rtt) != nil; got != tc.want {
				t.Errorf("%+v: %v", tc, got)
			}
		}
		if s.again(7+history, 0) != nil {
			t.Error("another packet is sent in place of one that is forgotten")
		}
	})
}

func TestTimestampsGoOnForMonths(t *testing.T) {
	s := &stream{clock: clockH264, offset: 0xffff_0000}
	const frame = time.Second / 50
	for _, from := range []time.Duration{0, 14 * time.Hour, 49 * 24 * time.Hour, 400 * 24 * time.Hour} {
		last := s.timestamp(from)
		for i := 1; i < 100; i++ {
			now := s.timestamp(from + time.Duration(i)*frame)
			if now-last != 1800 {
				t.Fatalf("%v and %d pictures: %d after %d", from, i, now, last)
			}
			last = now
		}
		if whole := media.ToTimescale(from, clockH264); s.timestamp(from)-s.offset != uint32(whole) {
			t.Errorf("%v has drifted", from)
		}
	}
}
