package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ProbeOptions say how far a probe goes.
type ProbeOptions struct {
	Packets   bool          // list the packets
	Duration  time.Duration // of a live input, read that much; the whole when 0
	InputArgs []string      // before the input
}

// Probed is what ffprobe says of an input.
type Probed struct {
	Streams []ProbedStream `json:"streams"`
	Packets []ProbedPacket `json:"packets"`
	Format  struct {
		Name      string  `json:"format_name"`
		StartTime Seconds `json:"start_time"`
		Duration  Seconds `json:"duration"`
		Size      int64   `json:"size,string"`
		BitRate   int64   `json:"bit_rate,string"`
	} `json:"format"`
}

// ProbedStream is one elementary stream.
type ProbedStream struct {
	Index      int     `json:"index"`
	Codec      string  `json:"codec_name"`
	Kind       string  `json:"codec_type"` // "video" or "audio"
	Profile    string  `json:"profile"`
	Level      int     `json:"level"`
	Width      int     `json:"width"`
	Height     int     `json:"height"`
	PixFmt     string  `json:"pix_fmt"`
	BFrames    int     `json:"has_b_frames"`
	FrameRate  string  `json:"avg_frame_rate"` // a fraction
	SampleRate int     `json:"sample_rate,string"`
	Channels   int     `json:"channels"`
	StartTime  Seconds `json:"start_time"`
	Duration   Seconds `json:"duration"`
	TimeBase   string  `json:"time_base"`
	Extradata  int     `json:"extradata_size"`
}

// ProbedPacket is one packet, in the order of the file.
type ProbedPacket struct {
	Stream   int     `json:"stream_index"`
	Kind     string  `json:"codec_type"`
	PTS      Seconds `json:"pts_time"`
	DTS      Seconds `json:"dts_time"`
	Duration Seconds `json:"duration_time"`
	Size     int     `json:"size,string"`
	Flags    string  `json:"flags"`
}

// Key tells whether decoding can begin at the packet.
func (p ProbedPacket) Key() bool { return strings.Contains(p.Flags, "K") }

// Seconds is a time as ffprobe writes it. Known is false when it wrote none.
type Seconds struct {
	time.Duration
	Known bool
}

// UnmarshalJSON reads a decimal number in a string.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	text, err := strconv.Unquote(string(b))
	if err != nil {
		return fmt.Errorf("time %s: %w", b, err)
	}
	if text == "N/A" {
		return nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("time %q: %w", text, err)
	}
	// ffprobe gives microseconds: rounding to them undoes the binary fraction.
	s.Duration, s.Known = time.Duration(f*1e9).Round(time.Microsecond), true
	return nil
}

// Probe asks ffprobe about a file or a URL. What ffprobe complains of is an error.
func Probe(ctx context.Context, input string, o ProbeOptions) (*Probed, error) {
	args := []string{"ffprobe", "-v", "error", "-of", "json", "-show_streams", "-show_format"}
	if o.Packets {
		args = append(args, "-show_packets")
	}
	if o.Duration > 0 {
		args = append(args, "-read_intervals", "%+"+strconv.FormatFloat(o.Duration.Seconds(), 'f', 6, 64))
	}
	args = append(args, o.InputArgs...)
	args = append(args, "-i", input)
	var out bytes.Buffer
	stderr, err := Run(ctx, Command{Args: args, Stdout: &out})
	if stderr = strings.TrimSpace(stderr); err == nil && stderr != "" {
		err = fmt.Errorf("ffprobe complained")
	}
	if err != nil {
		return nil, fmt.Errorf("probe %s: %w: %s", input, err, firstLines(stderr, 3))
	}
	p := &Probed{}
	if err := json.Unmarshal(out.Bytes(), p); err != nil {
		return nil, fmt.Errorf("probe %s: %w", input, err)
	}
	return p, nil
}

// First returns the first stream of a kind ("video", "audio"), nil when there is none.
func (p *Probed) First(kind string) *ProbedStream {
	for i := range p.Streams {
		if p.Streams[i].Kind == kind {
			return &p.Streams[i]
		}
	}
	return nil
}

// CheckTimestamps reports the first packet without timestamps, whose DTS does
// not come after that of the packet before it in the stream, or whose PTS
// precedes its DTS. A probe without packets is an error too.
func (p *Probed) CheckTimestamps() error {
	if len(p.Packets) == 0 {
		return fmt.Errorf("no packets to check")
	}
	last := map[int]ProbedPacket{}
	for i, pkt := range p.Packets {
		switch before, seen := last[pkt.Stream]; {
		case !pkt.PTS.Known || !pkt.DTS.Known:
			return fmt.Errorf("packet %d (%s) lacks a timestamp", i, pkt.Kind)
		case seen && pkt.DTS.Duration <= before.DTS.Duration:
			return fmt.Errorf("packet %d (%s): DTS %v after %v", i, pkt.Kind, pkt.DTS.Duration, before.DTS.Duration)
		case pkt.PTS.Duration < pkt.DTS.Duration:
			return fmt.Errorf("packet %d (%s): PTS %v before DTS %v", i, pkt.Kind, pkt.PTS.Duration, pkt.DTS.Duration)
		}
		last[pkt.Stream] = pkt
	}
	return nil
}
