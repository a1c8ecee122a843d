package ts

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

func TestSendIsAppendInPieces(t *testing.T) {
	ps := synthetic(true, true, 30, 3*time.Second)
	ps[len(ps)/2].Gap = true
	for i := range ps[len(ps)/2:] {
		ps[len(ps)/2+i].DTS += 700 * time.Millisecond // bridged by packets of clock references
		ps[len(ps)/2+i].PTS += 700 * time.Millisecond
	}
	for _, packets := range []int{1, 7, 100} {
		a, err := New(Config{Tracks: tracks(true, true)})
		if err != nil {
			t.Fatal(err)
		}
		b, err := New(Config{Tracks: tracks(true, true)})
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 0, packets*PacketSize)
		var want, got []byte
		for _, p := range ps {
			if want, err = a.Append(want, p); err != nil {
				t.Fatal(err)
			}
			if err := b.Send(p, buf, func(piece []byte) error {
				if len(piece) == 0 || len(piece)%PacketSize != 0 {
					t.Fatalf("a piece of %d bytes", len(piece))
				}
				got = append(got, piece...)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d packets at a time: %d bytes, not the %d that Append makes", packets, len(got), len(want))
		}
		if cap(b.pes) > keptScratch {
			t.Errorf("%d bytes are kept for the next picture", cap(b.pes))
		}
	}
}

func TestSendEndsWithTheReceiversError(t *testing.T) {
	m, err := New(Config{Tracks: tracks(true, true)})
	if err != nil {
		t.Fatal(err)
	}
	full, calls := errors.New("full"), 0
	key := synthetic(true, true, 30, time.Second)[0]
	err = m.Send(key, make([]byte, 0, 7*PacketSize), func([]byte) error { calls++; return full })
	if !errors.Is(err, full) || calls != 1 {
		t.Errorf("error %v after %d calls", err, calls)
	}
	if err := m.Send(key, nil, func([]byte) error { return nil }); err != nil {
		t.Errorf("without a buffer: %v", err)
	}
}
