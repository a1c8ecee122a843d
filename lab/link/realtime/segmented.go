package realtime

import (
	"context"
	"sync"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/forward"
	"github.com/encoderbox/encoderbox/output/segment"
)

// segmented is a destination of segments with what makes them.
type segmented struct {
	*forward.Destination
	segmenter *segment.Segmenter
	closed    func(names []string)
}

// Run implements output.Output.
func (s *segmented) Run(ctx context.Context, ready func()) error {
	ctx, end := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer end()
	var failed error
	all.Go(func() {
		if failed = s.segmenter.Run(ctx, func() {}); failed != nil {
			end()
		}
	})
	all.Go(func() { s.watch(ctx) })
	err := s.Destination.Run(ctx, ready)
	end()
	all.Wait()
	if err == nil {
		err = failed
	}
	return err
}

// watch tells which segments are there, each time that one is closed.
func (s *segmented) watch(ctx context.Context) {
	for {
		w := s.segmenter.Window()
		var names []string
		for seg := range w.All {
			if m := seg.Media(media.Video); m != nil {
				names = append(names, m.Name)
			}
		}
		s.closed(names)
		select {
		case <-ctx.Done():
			return
		case <-w.Next():
		}
	}
}

// reporter is told of what is of no interest here.
type reporter struct{}

func (reporter) Raise(string, string) {}
func (reporter) Clear(string)         {}
func (reporter) Stats(segment.Stats)  {}
