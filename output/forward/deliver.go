package forward

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment"
)

// errContent: a file of this box cannot be read.
var errContent = errors.New("segment cannot be read")

// book is what is known of a file on the origin.
type book struct {
	busy    chan struct{} // closed when the upload under way ends; nil: none
	there   bool
	unclear bool // it may be there, whole or in part
	tries   int
}

// maxBooks bounds the files of segments that were begun and not finished; and
// the headers.
const maxBooks = 1024

// claim takes a file for an upload, so that two lanes do not send it twice.
func (l *life) claim(ctx context.Context, name string) (*book, error) {
	for {
		l.mu.Lock()
		b := l.books[name]
		if b == nil {
			l.trimBooks()
			b = &book{}
			l.books[name] = b
		}
		busy := b.busy
		if busy == nil {
			b.busy = make(chan struct{})
			l.mu.Unlock()
			return b, nil
		}
		l.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// trimBooks forgets files when there are too many; they are asked for again
// before they are sent. l.mu is held.
func (l *life) trimBooks() {
	for name, b := range l.books {
		if len(l.books) < maxBooks {
			return
		}
		if b.busy == nil {
			delete(l.books, name)
			l.forgot = true
		}
	}
}

// deliver brings a segment to the origin: headers first, then every track.
func (l *life) deliver(ctx context.Context, ln *lane, seg *segment.Segment) error {
	if !ln.backlog {
		l.gov.enter()
		defer l.gov.leave()
	}
	var files []output.File
	verify := l.doubtful(seg.Sequence)
	for _, m := range medias(seg) {
		if m.Init != nil {
			f := output.File{Name: m.Init.Name, Type: mediaType(m), Size: int64(len(m.Init.Data)), Open: inMemory(m.Init.Data)}
			if _, err := l.put(ctx, f, verify); err != nil {
				return err
			}
		}
		files = append(files, output.File{Name: m.Name, Type: mediaType(m), Size: m.Bytes, Open: l.content(seg, m)})
	}
	pure, paced := true, int64(0)
	if ln.backlog && l.set.Mode == LiveFirst {
		if !l.gov.probe() {
			for i := range files {
				files[i].Pace = l.gov.wait
			}
			pure = false
		} else {
			paced = 1
		}
	}
	if !ln.backlog {
		l.sends(seg, files)
	}
	begin := time.Now()
	sent, err := l.putAll(ctx, files, verify)
	if paced > 0 {
		l.gov.spend(sent)
	}
	if err != nil {
		if !ln.backlog {
			l.sent()
		}
		return err
	}
	if sent == seg.Bytes() && pure {
		l.gov.measured(sent, time.Since(begin))
	}
	if verify && sent == seg.Bytes() {
		l.certain(seg.Sequence)
	}
	return nil
}

// doubtful says whether a segment's files may be on the origin though the
// cursor does not know: the process before sent them and had no time to persist
// it, or they were begun and forgotten.
func (l *life) doubtful(n uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.forgot || n <= l.doubt[l.side(n)]
}

// certain notes that a segment was not there: so neither is any later one that
// the process before would have sent after it, live or backlog.
func (l *life) certain(n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := &l.doubt[l.side(n)]
	*d = min(*d, max(n, 1)-1)
}

// side tells what the process before would have sent as live from its backlog.
func (l *life) side(n uint64) int {
	if n >= l.loaded {
		return 1
	}
	return 0
}

// putAll uploads the files of a segment side by side; all have ended when it
// returns. sent are the bytes of those that were not there.
func (l *life) putAll(ctx context.Context, files []output.File, verify bool) (sent int64, err error) {
	type result struct {
		n   int64
		err error
	}
	results := make([]result, len(files))
	var wg sync.WaitGroup
	for i, f := range files {
		wg.Go(func() {
			n, err := l.put(ctx, f, verify)
			results[i] = result{n, err}
		})
	}
	wg.Wait()
	for _, r := range results {
		sent += r.n
		if err == nil || errors.Is(r.err, output.ErrRejected) {
			err = cmpError(r.err, err)
		}
	}
	return sent, err
}

func cmpError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// put makes sure that a file is on the origin. It returns how many bytes had to
// be sent for it.
func (l *life) put(ctx context.Context, f output.File, verify bool) (int64, error) {
	b, err := l.claim(ctx, f.Name)
	if err != nil {
		return 0, err
	}
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		close(b.busy)
		b.busy = nil
	}()
	switch {
	case b.there:
		return 0, nil
	case f.Volatile || !b.unclear && !verify:
	default:
		if b.there, err = l.verify(ctx, &f); err != nil || b.there {
			return 0, err
		}
	}
	if b.tries++; b.tries > 1 {
		l.count(func(c *counts) { c.retries++ })
	}
	err = l.files.Put(ctx, f)
	var no *output.AnswerError
	switch {
	case err == nil:
	case errors.As(err, &no) && no.Status == 412 && f.New:
		l.count(func(c *counts) { c.verified++ })
		b.there = true
		return 0, nil
	default:
		b.unclear = b.unclear || unclear(err)
		return 0, err
	}
	b.there, b.tries, b.unclear = !f.Volatile, 0, false
	l.count(func(c *counts) { c.files++; c.bytes += uint64(f.Size) })
	return f.Size, nil
}

// unclear says whether a file may be there in spite of the error. A server that
// fails behind another one may have done its work before.
func unclear(err error) bool {
	var no *output.AnswerError
	if errors.As(err, &no) {
		return no.Cause == CauseServer
	}
	return !errors.Is(err, output.ErrNotSent)
}

// verify asks whether the origin has a file whole. If it does not tell, it is
// asked not to take it twice.
func (l *life) verify(ctx context.Context, f *output.File) (bool, error) {
	info, err := l.files.Stat(ctx, f.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case errors.Is(err, errors.ErrUnsupported), err == nil && info.Size < 0:
		f.New = true
		return false, nil
	case err != nil:
		return false, err
	}
	if info.Size != f.Size {
		return false, nil
	}
	if same, err := sameContent(f, info.ETag); err != nil || !same {
		return false, err
	}
	l.count(func(c *counts) { c.verified++ })
	return true, nil
}

// sameContent compares a file with an ETag where that is the MD5 of the
// content, as in S3; any other ETag says nothing.
func sameContent(f *output.File, etag string) (bool, error) {
	want, err := hex.DecodeString(strings.Trim(etag, `"`))
	if err != nil || len(want) != md5.Size || strings.HasPrefix(etag, "W/") {
		return true, nil
	}
	r, err := f.Open()
	if err != nil {
		return false, err
	}
	defer r.Close()
	sum := md5.New()
	if _, err := io.Copy(sum, r); err != nil {
		return false, err
	}
	return bytes.Equal(sum.Sum(nil), want), nil
}

// content opens a track's part of a segment, wherever it is by now.
func (l *life) content(seg *segment.Segment, m *segment.Media) func() (io.ReadCloser, error) {
	kind := media.Video
	if m == seg.Audio {
		kind = media.Audio
	}
	return func() (io.ReadCloser, error) {
		r, err := m.Content.Open()
		if errors.Is(err, fs.ErrNotExist) {
			// It has left the live window; storage may have it.
			if s, ok := l.src.Segment(seg.Sequence); ok {
				if stored := s.Media(kind); stored != nil && stored.Content != nil && stored.Name == m.Name {
					r, err = stored.Content.Open()
				}
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", errContent, m.Name, err)
		}
		return &contentReader{r, m.Name, m.Bytes}, nil
	}
}

// contentReader marks the errors of reading, and a file that ends early.
type contentReader struct {
	io.ReadCloser
	name string
	left int64
}

// Read implements io.Reader.
func (c *contentReader) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.left -= int64(n)
	if errors.Is(err, io.EOF) && c.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %s: %w", errContent, c.name, err)
	}
	return n, err
}

func inMemory(b []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

func mediaType(m *segment.Media) string {
	if m.Init != nil && m.Init.Track.Kind() == media.Audio || strings.HasPrefix(m.Name, "audio") {
		return "audio/mp4"
	}
	return "video/mp4"
}
