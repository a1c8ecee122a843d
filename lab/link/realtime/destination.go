package realtime

import (
	"fmt"
	"path/filepath"

	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/forward"
	"github.com/encoderbox/encoderbox/output/hls"
	"github.com/encoderbox/encoderbox/output/origin"
	"github.com/encoderbox/encoderbox/output/push"
	"github.com/encoderbox/encoderbox/output/rtmp"
	"github.com/encoderbox/encoderbox/output/segment"
	"github.com/encoderbox/encoderbox/output/srt"
)

// connect makes the product's own destination.
func (s *sender) connect() (target, error) {
	t, err := s.target()
	if err != nil {
		return nil, err
	}
	switch s.job.Transport {
	case law.SRT:
		return s.push(srt.Kind, t), nil
	case law.RTMP:
		if s.spec.Name != law.Ours {
			return s.push(plainly(rtmp.Kind), t), nil
		}
		return s.push(rtmp.Kind, t), nil
	case law.HTTP:
		return s.forward(origin.HLS, t)
	}
	return nil, fmt.Errorf("transport %q: there is none", s.job.Transport)
}

// push makes a destination of packets. A law of another program has that program's
// queue before the socket.
func (s *sender) push(k output.Kind, t output.Target) target {
	spec := push.Spec{Enabled: true, Kind: k, Target: t}
	if s.spec.Name != law.Ours {
		s.most = int(float64(s.spec.Queue) * perPicture)
		spec.QueuePackets, spec.QueueBytes = s.most, 1<<30
		if s.most == 0 {
			spec.QueuePackets = 1 << 16
		}
	}
	d := push.New(s.hub, spec, func(st push.Status) {
		if len(st.Errors) > 0 && st.State != push.Active {
			s.failed(st.Errors[0].Message)
		}
	})
	s.queue = func() int { return d.Status().QueuePackets }
	return d
}

// perPicture is how many packets there are for each picture: itself and its sound.
const perPicture = 1 + float64(sampleRate)/samples/perSecond

// forward makes a destination of segments.
func (s *sender) forward(k output.Kind, t output.Target) (target, error) {
	seg, err := segment.New(segment.Config{Dir: filepath.Join(s.job.Dir, "segments")}, s.hub, reporter{})
	if err != nil {
		return nil, err
	}
	d := forward.New(forward.WindowOnly(seg), forward.Spec{
		Enabled: true, Kind: k, Target: t, StateDir: filepath.Join(s.job.Dir, "state"), Playlists: hls.Playlists,
	}, nil, nil)
	s.queue = func() int { return 0 }
	return &segmented{Destination: d, segmenter: seg, closed: s.closing}, nil
}
