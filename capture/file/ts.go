package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"strings"
	"time"

	"github.com/asticode/go-astits"

	"github.com/encoderbox/encoderbox/media"
)

// tsScale is the time scale of PTS and DTS.
const tsScale = 90000

// tsReader reads the first programme of a transport stream. It reads ahead
// only as far as it takes to put pictures and sound in order.
type tsReader struct {
	packets *packetReader
	prog    programme
	demux   *astits.Demuxer
	tracks  map[uint16]*tsTrack
	video   *tsTrack
	audio   *tsTrack
	pending map[uint16]int // bytes gathered for each PID since its last start
	ended   bool
	cut     bool // the file ends within a packet
	pmt     *astits.PMTData
	changed map[string]*media.Track
	started bool  // a key picture has come since the rewind
	zero    int64 // its PTS
	ref     int64 // an unwrapped time near to which the next one lies
	haveRef bool
}

var _ reader = (*tsReader)(nil)

// openTS finds the tracks of a transport stream.
func openTS(f io.ReaderAt, size int64, path string) (*tsReader, error) {
	head := make([]byte, min(size, 1024))
	if _, err := f.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, err
	}
	distance, ok := tsLayout(head)
	if !ok {
		return nil, errors.New("not an MPEG transport stream")
	}
	tail := make([]byte, min(size, 16*int64(distance)))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return nil, err
	}
	r := &tsReader{
		packets: newPacketReader(f, size, distance),
		tracks:  make(map[uint16]*tsTrack),
		changed: make(map[string]*media.Track),
		cut:     tsCut(tail, distance),
	}
	if r.cut {
		r.prog.notes = append(r.prog.notes, "cut short")
	}
	if err := r.rewind(); err != nil {
		return nil, err
	}
	if err := r.findTracks(path); err != nil {
		return nil, err
	}
	if err := r.probe(); err != nil {
		return nil, err
	}
	return r, r.rewind()
}

// How far into the file its programme map, and what its tracks are, must show.
const (
	maxProbeMap    = 4 << 20
	maxProbeTracks = 32 << 20
)

func (r *tsReader) probing(limit int64) bool { return !r.ended && r.packets.position() < limit }

// findTracks reads up to the programme map and picks the tracks to play.
func (r *tsReader) findTracks(path string) error {
	for r.pmt == nil && r.probing(maxProbeMap) {
		if _, err := r.read(); err != nil {
			return err
		}
	}
	if r.pmt == nil {
		return errors.New("not a media file, or an MPEG transport stream that names no programme (PAT or PMT missing)")
	}
	var others []string
	for _, es := range r.pmt.ElementaryStreams {
		switch {
		case es.StreamType == astits.StreamTypeH264Video && r.video == nil:
			r.video = newTSTrack(media.Video, es.ElementaryPID)
			r.tracks[es.ElementaryPID] = r.video
		case es.StreamType == astits.StreamTypeAACAudio && r.audio == nil:
			r.audio = newTSTrack(media.Audio, es.ElementaryPID)
			r.tracks[es.ElementaryPID] = r.audio
		default:
			others = append(others, streamName(es.StreamType))
		}
	}
	if len(r.tracks) == 0 {
		return fmt.Errorf("nothing to play: it has %s; supported are H.264 and AAC-LC; %s",
			strings.Join(append(others, "nothing else")[:max(1, len(others))], ", "), convert(path, false))
	}
	for _, o := range others {
		r.prog.notes = append(r.prog.notes, "without "+o)
	}
	return nil
}

// streamName names a stream_type of ISO/IEC 13818-1 table 2-34.
func streamName(t astits.StreamType) string {
	switch t {
	case astits.StreamTypeMPEG1Video, astits.StreamTypeMPEG2Video:
		return "MPEG-1/2 video"
	case astits.StreamTypeH265Video:
		return "H.265"
	case astits.StreamTypeMPEG1Audio, astits.StreamTypeMPEG2Audio:
		return "MPEG audio"
	case astits.StreamTypeAACLATMAudio:
		return "AAC in LATM"
	case astits.StreamTypeAC3Audio, astits.StreamTypeEAC3Audio:
		return "AC-3"
	case astits.StreamTypeH264Video:
		return "a second H.264 track"
	case astits.StreamTypeAACAudio:
		return "a second AAC track"
	}
	return fmt.Sprintf("stream type %#02x", uint8(t))
}

// probe reads until each track has shown what it is; tracks that do not are
// left out.
func (r *tsReader) probe() error {
	if err := r.rewind(); err != nil {
		return err
	}
	missing := func(t *tsTrack) bool { return t != nil && t.params == nil }
	for (missing(r.video) || missing(r.audio) || r.video != nil && r.prog.video == nil) && r.probing(maxProbeTracks) {
		if err := r.fill(); err != nil {
			return err
		}
		if r.video != nil && r.prog.video == nil && len(r.video.queue) > 0 {
			u := r.video.queue[0]
			r.prog.video, r.prog.videoScale = u.track, tsScale
			r.prog.lead = media.FromTimescale(u.pts-u.dts, tsScale)
		}
		for _, t := range r.tracks { // what is looked at is read again
			t.queue = nil
		}
	}
	for _, t := range []**tsTrack{&r.video, &r.audio} {
		if missing(*t) || *t == r.video && r.video != nil && r.prog.video == nil {
			r.prog.notes = append(r.prog.notes, fmt.Sprintf("without %v: %v", (*t).kind, (*t).trouble()))
			delete(r.tracks, (*t).pid)
			*t = nil
		}
	}
	if len(r.tracks) == 0 {
		return fmt.Errorf("nothing to play: %s", strings.Join(r.prog.notes, "; "))
	}
	if r.audio != nil {
		r.prog.audio, r.prog.audioScale = r.audio.params, tsScale
	}
	return nil
}

func (r *tsReader) programme() *programme { return &r.prog }

func (r *tsReader) videoDone() bool { return r.video != nil && r.ended && len(r.video.queue) == 0 }

func (r *tsReader) rewind() error {
	r.packets.rewind()
	r.demux = astits.NewDemuxer(context.Background(), r.packets,
		astits.DemuxerOptPacketSize(tsPacket),
		astits.DemuxerOptPacketSkipper(r.skip),
		astits.DemuxerOptLogger(log.New(io.Discard, "", 0)))
	r.pending = make(map[uint16]int)
	r.ended, r.started, r.haveRef = false, false, false
	delete(r.changed, "")
	for _, t := range r.tracks {
		t.reset()
	}
	return nil
}

// skip tells the demuxer which packets not to gather: those of tracks that are
// not played, and those of a PES packet that has grown past any sense. Once
// the programme is known its tables are not needed any more.
func (r *tsReader) skip(p *astits.Packet) bool {
	pid := p.Header.PID
	if r.pmt != nil && r.tracks[pid] == nil || pid == astits.PIDNull {
		return true
	}
	if p.Header.PayloadUnitStartIndicator {
		r.pending[pid] = 0
	}
	r.pending[pid] += tsPacket
	return r.pending[pid] > maxUnit
}

// maxStuck is how many errors in a row without a byte read end the stream.
const maxStuck = 100

// read takes the next table or PES packet; nil when it was of no use.
func (r *tsReader) read() (d *astits.DemuxerData, err error) {
	for range maxStuck {
		at := r.packets.position()
		err = guard("damaged transport stream", func() error {
			d, err = r.demux.NextData()
			return err
		})
		switch {
		case r.packets.err != nil:
			return nil, r.packets.err
		case errors.Is(err, astits.ErrNoMorePackets):
			r.ended = true
			return nil, nil
		case err == nil:
			if d.PMT != nil && r.pmt == nil {
				r.pmt = d.PMT
			}
			return d, nil
		case r.packets.position() != at:
			return nil, nil // a damaged packet; what follows may be whole
		}
	}
	r.ended = true
	return nil, nil
}

// fill reads one PES packet into the queue of its track.
func (r *tsReader) fill() error {
	d, err := r.read()
	if err != nil || d == nil || d.PES == nil {
		return err
	}
	t := r.tracks[d.PID]
	if t == nil {
		return nil
	}
	if t.kind == media.Video {
		if r.cut && r.packets.atEnd() && d.PES.Header != nil && d.PES.Header.PacketLength == 0 {
			return nil // cut off half-way with the file
		}
		r.addPicture(t, d.PES)
	} else {
		r.addSound(t, d.PES)
	}
	return nil
}

// The bounds of what is read ahead to put pictures and sound in order. Sound
// may be multiplexed up to a second away from its picture (ISO/IEC 13818-1
// §2.4.2.7).
const (
	maxAhead      = 3 * time.Second
	maxAheadUnits = 1024
	maxAheadBytes = 32 << 20
)

// next implements reader.
func (r *tsReader) next() (unit, error) {
	for !r.ended && r.mustRead() {
		if err := r.fill(); err != nil {
			return unit{}, err
		}
	}
	var first *tsTrack
	for _, t := range [...]*tsTrack{r.video, r.audio} {
		if t != nil && len(t.queue) > 0 && (first == nil || t.queue[0].dts < first.queue[0].dts) {
			first = t
		}
	}
	if first == nil {
		return unit{}, io.EOF
	}
	return first.take(), nil
}

// mustRead says that it is not yet sure which unit comes first.
func (r *tsReader) mustRead() bool {
	if r.video != nil && !r.started {
		return true
	}
	empty, full := false, false
	for _, t := range [...]*tsTrack{r.video, r.audio} {
		if t != nil {
			empty = empty || len(t.queue) == 0
			full = full || t.full()
		}
	}
	return empty && !full
}
