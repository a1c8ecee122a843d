package ts

import (
	"bytes"
	"context"
	"fmt"

	"github.com/asticode/go-astits"

	"github.com/encoderbox/encoderbox/media"
)

// tables are the PAT and PMT, ready to send.
type tables struct {
	mux *astits.Muxer
	buf *bytes.Buffer // mux writes here
	out []byte        // one packet each
	cc  byte          // of both
}

func newTables() tables {
	buf := &bytes.Buffer{}
	return tables{
		buf: buf,
		mux: astits.NewMuxer(context.Background(), buf, astits.WithTransportStreamID(1), astits.WithPMTPID(pmtPID)),
	}
}

// add brings a stream into a new version of the PMT. The PCR goes with the
// video where there is one.
func (t *tables) add(pid uint16, c media.Codec) error {
	kind := astits.StreamTypeH264Video
	if c == media.AAC {
		kind = astits.StreamTypeAACAudio
	}
	if err := t.mux.AddElementaryStream(astits.PMTElementaryStream{ElementaryPID: pid, StreamType: kind}); err != nil {
		return fmt.Errorf("ts: add PID %d to the PMT: %w", pid, err)
	}
	if c.Kind() == media.Video || len(t.out) == 0 {
		t.mux.SetPCRPID(pid)
	}
	t.buf.Reset()
	if _, err := t.mux.WriteTables(); err != nil {
		return fmt.Errorf("ts: write PAT and PMT: %w", err)
	}
	if t.buf.Len() != 2*PacketSize {
		return fmt.Errorf("ts: PAT and PMT take %d bytes, want two packets", t.buf.Len())
	}
	t.out = bytes.Clone(t.buf.Bytes())
	return nil
}

// append appends both tables.
func (t *tables) append(dst []byte) []byte {
	for i := 0; i < len(t.out); i += PacketSize {
		t.out[i+3] = t.out[i+3]&0xf0 | t.cc
	}
	t.cc = (t.cc + 1) & 15
	return append(dst, t.out...)
}
