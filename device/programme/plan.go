package programme

import (
	"fmt"
	"slices"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// plan is how an input becomes packets.
type plan struct {
	kinds                      []media.Kind
	passthrough                bool   // Packets go through as they are
	encodeAudio                bool   // Samples are encoded
	silence                    bool   // silent sound is added
	dropAudio                  bool   // sound among Packets is not wanted
	videoEncoder, audioEncoder string // for people; the raw video's is known once it is open
}

func newPlan(spec Spec, in *capture.Input) (plan, error) {
	p := plan{passthrough: in.Packets != nil}
	switch {
	case p.passthrough && (spec.Video.Encoder == "software" || spec.Video.Encoder == "hardware"):
		return p, fmt.Errorf("input %s is already encoded: set video.encoder to \"auto\" or \"passthrough\"", in.Description)
	case !p.passthrough && spec.Video.Encoder == "passthrough":
		return p, fmt.Errorf("input %s is raw video, which cannot pass through: set video.encoder to \"auto\", \"hardware\" or \"software\"", in.Description)
	}
	if in.Frames != nil || slices.Contains(in.Kinds, media.Video) {
		p.kinds = append(p.kinds, media.Video)
		if p.passthrough {
			p.videoEncoder = "passthrough"
		}
	}
	p.planAudio(spec.Audio.Mode, in)
	if len(p.kinds) == 0 {
		return p, fmt.Errorf("input %s leaves nothing to send: it has no video, and audio.mode is %q", in.Description, spec.Audio.Mode)
	}
	return p, nil
}

// planAudio decides what is heard. Silence needs a picture to go with.
func (p *plan) planAudio(mode string, in *capture.Input) {
	hasVideo := len(p.kinds) > 0
	hasAudio := in.Samples != nil || slices.Contains(in.Kinds, media.Audio)
	useInput := hasAudio && (mode == "auto" || mode == "input")
	p.dropAudio = p.passthrough && hasAudio && !useInput
	switch {
	case useInput && p.passthrough:
		p.audioEncoder = "passthrough"
	case useInput:
		p.encodeAudio, p.audioEncoder = true, "aac (software)"
	case hasVideo && (mode == "auto" || mode == "silence"):
		p.silence, p.audioEncoder = true, "silence"
	default:
		return
	}
	p.kinds = append(p.kinds, media.Audio)
}

// filter is w without the sound that is not wanted.
func (p plan) filter(w media.Writer) media.Writer {
	if !p.dropAudio {
		return w
	}
	return media.WriterFunc(func(packet media.Packet) {
		if packet.Track.Kind() != media.Audio {
			w.Write(packet)
		}
	})
}
