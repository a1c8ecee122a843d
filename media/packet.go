package media

import "time"

// Packet is one access unit of one track, in decoding order within its track.
// It is read-only once written: many readers hold the same Data.
type Packet struct {
	// Track holds for this packet; a changed pointer is a changed track.
	Track *Track
	// PTS and DTS on the stream's Clock. DTS rises strictly within a track
	// and is at most PTS. Audio and B-frame-less video have DTS == PTS.
	// Encoder priming is already subtracted: PTS is the time of the first
	// sample or picture that is heard or seen.
	PTS, DTS time.Duration
	// Key says that decoding can start here (H.264: an IDR picture; sound: always).
	Key bool
	// Gap says that something was lost just before this packet: packets a slow
	// reader did not take, pictures a recovering encoder did not code. A muxer
	// signals it (discontinuity indicator, EXT-X-DISCONTINUITY) or ignores it
	// where its format has no such sign.
	Gap bool
	// Data, by codec:
	//
	// H264: the NAL units of one access unit, each behind its length as 4 bytes
	// big-endian (ISO/IEC 14496-15 §5.3), without access unit delimiters, and
	// without the parameter sets that equal Track.Video's SPS and PPS. Those
	// that differ stay in band, at every key picture they hold for. A muxer whose
	// format wants the sets in band adds those of Track's, at a key picture, for
	// which the packet brings none of the same id (h264.InBand).
	//
	// AAC: one raw_data_block (ISO/IEC 14496-3 §4.4.2.1), no ADTS header.
	//
	// Opus: one Opus packet of 20 ms (RFC 6716 §3), neither self-delimited nor in Ogg.
	//
	// MP3: one whole MPEG audio frame, header included (ISO/IEC 11172-3 §2.4.1.2),
	// whose main data begins in itself: any frame can be the first.
	Data []byte
	// At is when the encoder or source handed the packet over, on the stream's
	// Clock. The hub sets it; latency is measured from it.
	At time.Duration
}

// Writer takes the packets of one programme. Write never blocks and may be
// called from several goroutines, one a track; the callee keeps the packet and
// its Data, so the caller must not change them afterwards.
type Writer interface{ Write(Packet) }

// WriterFunc makes a Writer of a function with the same contract.
type WriterFunc func(Packet)

// Write calls f.
func (f WriterFunc) Write(p Packet) { f(p) }
