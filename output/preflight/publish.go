package preflight

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// publish goes on to the receiver's yes, and measures.
func (r *run) publish(ctx context.Context) bool {
	switch {
	case !r.o.Publish:
		return r.skip(StepPublish, "it shows a test pattern to whoever watches, so it has to be asked for")
	case r.o.Busy:
		return r.skip(StepPublish, "the destination is being published to right now")
	case r.kind.Files != nil:
		return r.upload(ctx)
	case r.kind.Dial == nil || r.o.Pattern == nil:
		return r.skip(StepPublish, "there is no test pattern for this kind")
	}
	return r.push(ctx)
}

// tried is the bit rate that is tried: what is needed and its headroom.
func (r *run) tried() int {
	if r.o.Needed <= 0 {
		return 4_000_000
	}
	return int(float64(r.o.Needed) * headroom)
}

// push publishes a test pattern at the rate that is tried.
func (r *run) push(ctx context.Context) bool {
	since := time.Now()
	pattern, err := r.o.Pattern(r.tried())
	if err != nil {
		return r.bad(StepPublish, since, output.WithCause(output.CauseLocal, fmt.Errorf("make a test pattern: %w", err)))
	}
	dialing, cancel := context.WithTimeout(ctx, stepTime)
	conn, err := r.kind.Dial(dialing, r.target, pattern.Tracks())
	cancel()
	if err != nil {
		return r.bad(StepPublish, since, err)
	}
	closing := sync.OnceFunc(func() { _ = conn.Close() })
	defer closing()
	if r.unanswered() {
		r.good(StepPublish, since, "datagrams leave the box; nobody answers them")
	} else {
		r.good(StepPublish, since, "the receiver has accepted the stream")
	}
	// A Write that blocks ends with the connection.
	measuring, done := context.WithTimeout(ctx, r.o.Measure+stepTime)
	var watch sync.WaitGroup
	watch.Go(func() {
		<-measuring.Done()
		closing()
	})
	defer watch.Wait()
	defer done()
	return r.measure(measuring, conn, pattern)
}

// measure sends the pattern by the clock and looks at what the receiver took.
func (r *run) measure(ctx context.Context, conn output.Conn, pattern Pattern) bool {
	since := time.Now()
	before, offered := conn.Stats(), int64(0)
	for {
		p := pattern.Next()
		if p.DTS > r.o.Measure {
			break
		}
		if wait := p.DTS - time.Since(since); wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
		}
		offered += int64(len(p.Data))
		if err := conn.Write(p); err != nil {
			if ctx.Err() != nil {
				err = fmt.Errorf("%w: %w", output.ErrStalled, context.Cause(ctx))
			}
			return r.bad(StepThroughput, since, err)
		}
	}
	after, took := conn.Stats(), time.Since(since)
	if after.RTT > 0 {
		r.report.RTT = float64(after.RTT) / float64(time.Millisecond)
	}
	sent := after.BytesSent - min(before.BytesSent, after.BytesSent)
	rate := int(float64(offered) * 8 / r.o.Measure.Seconds())
	return r.judge(since, int64(sent)-int64(min(after.Outstanding, sent)), took, rate, after)
}

// judge compares what was taken with what is needed. offered is the rate of the
// pattern, which may be less than was wanted: sound has no filler.
func (r *run) judge(since time.Time, taken int64, took time.Duration, offered int, s output.ConnStats) bool {
	if taken <= 0 || took <= 0 {
		return r.add(Step{
			Name: StepThroughput, Verdict: Bad, Cause: output.CauseStalled, Duration: time.Since(since),
			Text: "the receiver took nothing",
		})
	}
	r.report.Throughput = int(float64(taken) * 8 / took.Seconds())
	got, needed, spare := float64(r.report.Throughput), float64(r.o.Needed), headroom
	if float64(offered) < needed*(1+(spare-1)/2) {
		needed, spare = min(needed, offeredShare*float64(offered)), 1
	}
	verb := "taken"
	if r.unanswered() {
		verb = "sent, nobody says what arrived,"
	}
	text := fmt.Sprintf("%s %s in %v, tried %s", rate(r.report.Throughput), verb, took.Round(time.Millisecond), rate(offered))
	if s.Lost > 0 || s.Retransmitted > 0 {
		text += fmt.Sprintf("; %d packets sent again, %d lost", s.Retransmitted, s.Lost)
	}
	switch {
	case got < needed:
		return r.add(Step{
			Name: StepThroughput, Verdict: Bad, Cause: output.CauseNetwork, Duration: time.Since(since),
			Text: fmt.Sprintf("%s, but the stream needs %s: lower the bit rate, or use another uplink", text, rate(r.o.Needed)),
		})
	case got < needed*(1+(spare-1)/2), s.Lost > 0:
		return r.add(Step{Name: StepThroughput, Verdict: Warning, Duration: time.Since(since), Text: text + ": there is little to spare"})
	}
	return r.good(StepThroughput, since, "%s", text)
}

// offeredShare of a pattern that is less than was wanted must have been taken: some
// is still on its way.
const offeredShare = 0.8

func rate(bits int) string { return fmt.Sprintf("%.2f Mb/s", float64(bits)/1e6) }

// upload stores a file of the size of a segment again and again, and deletes it.
func (r *run) upload(ctx context.Context) bool {
	since := time.Now()
	files, err := r.kind.Files(r.target)
	if err != nil {
		return r.bad(StepPublish, since, output.WithCause(output.CauseLocal, err))
	}
	defer discard(files)
	name := "preflight-" + rand.Text()[:8] + ".tmp"
	total := int64(r.tried()) / 8 * int64(r.o.Measure) / int64(time.Second)
	size := total
	if r.o.FileTime > 0 {
		size = min(total, int64(r.tried())/8*int64(r.o.FileTime)/int64(time.Second))
	}
	putting, cancel := context.WithTimeout(ctx, 2*r.o.Measure+stepTime)
	defer cancel()
	sent, err := put(putting, files, name, size, total)
	took := time.Since(since)
	if err != nil && putting.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %d bytes took longer than %v", output.ErrStalled, total, 2*r.o.Measure+stepTime)
	}
	var left error
	if sent > 0 || maybeThere(err) { // also when who asked has gone
		deleting, stop := context.WithTimeout(context.WithoutCancel(ctx), stepTime)
		left = files.Delete(deleting, name)
		stop()
	}
	switch {
	case err != nil && left != nil:
		return r.bad(StepPublish, since, fmt.Errorf("%w; %s may be left there", err, name))
	case err != nil:
		return r.bad(StepPublish, since, err)
	case left != nil:
		r.add(Step{
			Name: StepPublish, Verdict: Warning, Duration: took,
			Text: fmt.Sprintf("files of %d kB are taken, but cannot be deleted, %s stays there: %s", size/1000, name, r.o.Describe(left)),
		})
	default:
		r.good(StepPublish, since, "files of %d kB are taken, and deleted again", size/1000)
	}
	return r.judge(since, sent, took, r.tried(), output.ConnStats{})
}

// put stores a file under the same name until total bytes have gone up.
func put(ctx context.Context, files output.Files, name string, size, total int64) (sent int64, err error) {
	for sent < total {
		err := files.Put(ctx, output.File{
			Name: name, Type: "application/octet-stream", Size: size, Volatile: true,
			Open: func() (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(noise{}, size)), nil },
		})
		if err != nil {
			return sent, err
		}
		sent += size
	}
	return sent, nil
}

// maybeThere says that a file that could not be stored may be there in spite of it.
func maybeThere(err error) bool {
	var no *output.AnswerError
	refused := errors.As(err, &no) && no.Lasting()
	return err != nil && !refused && !errors.Is(err, output.ErrNotSent)
}

// noise is content that no proxy can compress.
type noise struct{}

// Read implements io.Reader.
func (noise) Read(p []byte) (int, error) {
	n, err := rand.Read(p)
	if err != nil {
		return n, errors.Join(errors.New("preflight: read noise"), err)
	}
	return n, nil
}
