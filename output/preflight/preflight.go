// Package preflight tries a destination before the show: it goes the way to the
// receiver step by step, says at which one it fails and why, and measures what the
// way carries. Without Options.Publish the receiver sees a connection at most; with
// it, a test pattern for some seconds, or a file that is deleted again.
package preflight

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// Names of the steps, in their order.
const (
	StepConfiguration = "configuration"
	StepStream        = "stream"  // what the platform asks of a stream
	StepClock         = "clock"   // of the box
	StepResolve       = "resolve" // the host's name
	StepConnect       = "connect"
	StepTLS           = "tls"
	StepAnswer        = "answer"  // a connection of the protocol, without publishing
	StepPublish       = "publish" // the protocol's opening, up to the receiver's yes
	StepThroughput    = "throughput"
)

// Verdict of a step.
type Verdict string

// The verdicts.
const (
	Good    Verdict = "good"
	Warning Verdict = "warning" // go, but look at it
	Bad     Verdict = "bad"     // no go
	Skipped Verdict = "skipped"
)

// Step is one thing that was tried.
type Step struct {
	Name     string        `json:"name"`
	Verdict  Verdict       `json:"verdict"`
	Text     string        `json:"text"`            // one line, without secrets
	Cause    output.Cause  `json:"cause,omitempty"` // of a Bad one
	Duration time.Duration `json:"-"`
	Millis   float64       `json:"ms"`
}

// Report is the answer.
type Report struct {
	Destination string `json:"destination"`
	Kind        string `json:"kind"`
	URL         string `json:"url"` // without secrets
	// Go: nothing was found that stands in the way. Reason says what does, or what
	// was not looked at.
	Go     bool         `json:"go"`
	Reason string       `json:"reason"`
	Cause  output.Cause `json:"cause,omitempty"`
	Steps  []Step       `json:"steps"`
	// What was measured; 0 where nothing was.
	Throughput int     `json:"throughput"` // bits per second that the receiver took
	Needed     int     `json:"needed"`     // bits per second that the stream needs
	RTT        float64 `json:"rtt_ms"`
}

// Pattern makes a programme for a test: packets with rising times from zero, at a
// given bit rate, at most one video and one audio track.
type Pattern interface {
	Tracks() []*media.Track
	// Next is the packet that follows, in the order of DTS. Data is the callee's.
	Next() media.Packet
}

// Options say what a preflight shall do.
type Options struct {
	// Publish: go as far as publishing, and measure for Measure (default 5 s).
	Publish bool
	Measure time.Duration
	// Pattern makes the test pattern; needed for kinds with Dial when Publish is set.
	// It is called with the bit rate to be tried.
	Pattern func(bitrate int) (Pattern, error)
	// Needed is the bit rate of the stream, sound and overhead included; 0: not known.
	Needed int
	// FileTime is how much of the stream a file has, for kinds with Files; 0: all of
	// Measure goes into one.
	FileTime time.Duration
	// Complaints are what the platform will not like about the stream.
	Complaints []string
	// Describe puts an error into one line without secrets.
	Describe func(error) string
	// Busy says that the destination is being published to right now; what would
	// disturb that is left out.
	Busy bool
	// Progress is told every step as it ends; may be nil.
	Progress func(Step)
	// Synchronised says whether the box's clock is set; nil: the kernel is asked.
	Synchronised func() (bool, string)
}

const defaultMeasure = 5 * time.Second

// headroom is how much more than the stream needs the way must carry.
const headroom = 1.2

// Run tries the destination. It takes Measure, and at most some ten seconds a step
// beside it; ctx ends it early, with a report of what was done.
func Run(ctx context.Context, kind output.Kind, t output.Target, o Options) Report {
	if o.Measure <= 0 {
		o.Measure = defaultMeasure
	}
	if o.Describe == nil {
		o.Describe = func(err error) string { return output.Redacted(t.URL) + ": " + err.Error() }
	}
	if o.Synchronised == nil {
		o.Synchronised = clockState
	}
	r := &run{kind: kind, target: t, o: o, report: Report{
		Destination: t.Name, Kind: kind.Name, URL: output.Redacted(t.URL), Needed: o.Needed, Steps: []Step{},
	}}
	for _, step := range []func(context.Context) bool{
		r.configuration, r.stream, r.clock, r.resolve, r.connect, r.tls, r.answer, r.publish,
	} {
		if ctx.Err() != nil {
			r.add(Step{Name: "preflight", Verdict: Bad, Text: "ended before it was done", Cause: output.CauseLocal})
			break
		}
		if !step(ctx) {
			break
		}
	}
	r.conclude()
	return r.report
}

// run is one preflight.
type run struct {
	kind   output.Kind
	target output.Target
	o      Options
	report Report

	host, address string // address is host:port
	plain         string // the last of the URL's schemes: "https" of "hls+https"
}

func (r *run) add(s Step) bool {
	s.Millis = float64(s.Duration) / float64(time.Millisecond)
	r.report.Steps = append(r.report.Steps, s)
	if r.o.Progress != nil {
		r.o.Progress(s)
	}
	return s.Verdict != Bad
}

// bad is a step that failed with err.
func (r *run) bad(name string, since time.Time, err error) bool {
	return r.add(Step{
		Name: name, Verdict: Bad, Text: r.o.Describe(err), Cause: output.CauseOf(err), Duration: time.Since(since),
	})
}

func (r *run) good(name string, since time.Time, format string, args ...any) bool {
	return r.add(Step{Name: name, Verdict: Good, Text: fmt.Sprintf(format, args...), Duration: time.Since(since)})
}

func (r *run) skip(name, why string) bool {
	return r.add(Step{Name: name, Verdict: Skipped, Text: why})
}

// conclude makes the answer of the steps: the first that is bad is the reason.
func (r *run) conclude() {
	warnings, skipped := 0, ""
	for _, s := range r.report.Steps {
		switch s.Verdict {
		case Bad:
			r.report.Reason, r.report.Cause = s.Name+": "+s.Text, s.Cause
			return
		case Warning:
			warnings++
		case Skipped:
			if s.Name == StepPublish {
				skipped = "; publishing was not tried"
			}
		}
	}
	r.report.Go = true
	r.report.Reason = "nothing stands in the way" + skipped
	if warnings > 0 {
		r.report.Reason = fmt.Sprintf("nothing stands in the way, %d to look at%s", warnings, skipped)
	}
}

// configuration asks the kind what it thinks of the target.
func (r *run) configuration(context.Context) bool {
	since := time.Now()
	if r.target.URL == nil {
		return r.bad(StepConfiguration, since, fmt.Errorf("no URL"))
	}
	if r.kind.Check != nil {
		if err := r.kind.Check(r.target); err != nil {
			return r.bad(StepConfiguration, since, output.WithCause(output.CauseLocal, err))
		}
	}
	r.address, r.host, r.plain = connectionOf(r.target.URL, r.kind.Name, r.target.Options)
	return r.good(StepConfiguration, since, "%s, %s", r.kind.Title, r.report.URL)
}

// stream holds the stream against what the platform asks for.
func (r *run) stream(context.Context) bool {
	if len(r.o.Complaints) == 0 {
		return true
	}
	text := r.o.Complaints[0]
	for _, c := range r.o.Complaints[1:] {
		text += "; " + c
	}
	return r.add(Step{Name: StepStream, Verdict: Warning, Text: text})
}

// clock: certificates and signatures do not hold on a box that lives in 1970.
func (r *run) clock(context.Context) bool {
	since := time.Now()
	set, text := r.o.Synchronised()
	switch {
	case set:
		return r.good(StepClock, since, "%s", text)
	case since.Year() < 2024:
		return r.add(Step{Name: StepClock, Verdict: Bad, Cause: output.CauseLocal, Text: fmt.Sprintf("the box believes it is %s: certificates will not hold; set the clock, or let NTP do it", since.UTC().Format(time.DateOnly))})
	}
	return r.add(Step{Name: StepClock, Verdict: Warning, Text: text})
}

// discard closes what was opened.
func discard(c io.Closer) { _ = c.Close() }
