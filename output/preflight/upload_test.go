package preflight

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// store is a place for files.
type store struct {
	files  map[string]int64
	puts   int
	put    error // after the file is there
	delete error
	gone   context.CancelFunc // of who asked, while the file goes up
}

func (s *store) Put(ctx context.Context, f output.File) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	s.puts++
	s.files[f.Name], err = io.Copy(io.Discard, r)
	if s.gone != nil {
		s.gone()
		return context.Cause(ctx)
	}
	return errors.Join(s.put, err)
}

func (s *store) Stat(context.Context, string) (output.FileInfo, error) {
	return output.FileInfo{}, errors.ErrUnsupported
}

func (s *store) Delete(ctx context.Context, name string) error {
	if s.delete == nil {
		delete(s.files, name)
	}
	return errors.Join(s.delete, ctx.Err())
}

func (*store) Close() error { return nil }

func newStoreRig(t *testing.T) (*rig, *store) {
	r := newRig(t, "fake://"+listen(t))
	s := &store{files: map[string]int64{}}
	r.kind.Dial, r.kind.Files = nil, func(output.Target) (output.Files, error) { return s, nil }
	r.o.Publish = true
	return r, s
}

func TestAFileIsStoredAndDeleted(t *testing.T) {
	r, s := newStoreRig(t)
	if got := r.run(t); !got.Go || got.Throughput == 0 || len(s.files) > 0 || s.puts != 1 {
		t.Errorf("%+v, left %v", got, s.files)
	}
	r.o.FileTime = 50 * time.Millisecond // of 200
	if got := r.run(t); !got.Go || s.puts != 1+4 {
		t.Errorf("%+v, %d files: a server may not take larger ones than segments", got, s.puts)
	}
	s.delete = errors.New("405")
	if got := r.run(t); !got.Go || got.verdict(StepPublish) != Warning || len(s.files) != 1 {
		t.Errorf("%+v, left %v", got, s.files)
	}
}

func TestNothingIsLeftBehindAFileThatFailed(t *testing.T) {
	r, s := newStoreRig(t)
	s.put = io.ErrUnexpectedEOF
	if got := r.run(t); got.Go || got.Cause != output.CauseClosed || len(s.files) > 0 {
		t.Errorf("%+v, left %v", got, s.files)
	}
	s.delete = errors.New("405")
	if got := r.run(t); got.Go || !strings.Contains(got.Reason, "may be left") {
		t.Errorf("%+v", got)
	}
	s.put, s.delete = nil, nil
	clear(s.files)
	ctx, cancel := context.WithCancel(t.Context())
	s.gone = cancel
	if got := Run(ctx, r.kind, r.t, r.o); got.Go || len(s.files) > 0 {
		t.Errorf("%+v, left %v by one who has gone", got, s.files)
	}
}
