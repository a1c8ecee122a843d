package device

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/api"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/device/testcard"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/kinds"
	"github.com/encoderbox/encoderbox/output/preflight"
	"github.com/encoderbox/encoderbox/output/preset"
	"github.com/encoderbox/encoderbox/output/push"
)

// Bounds of a preflight.
const (
	maxMeasure    = time.Minute
	maxPreflights = 2 // at a time
)

// preflightLine is a line of the answer: steps as they end, the report last.
type preflightLine struct {
	Step   *preflight.Step   `json:"step,omitempty"`
	Report *preflight.Report `json:"report,omitempty"`
}

// servePreflight is POST …/streams/STREAM/destinations/NAME/preflight, with
// ?publish=true to publish a test pattern and ?seconds=N for how long. The answer is
// lines of JSON.
func (d *box) servePreflight(w http.ResponseWriter, r *http.Request) {
	p := place{r.PathValue("stream"), r.PathValue("destination")}
	o, err := preflightOptions(r)
	if err != nil {
		api.Fail(w, http.StatusBadRequest, err.Error())
		return
	}
	out := json.NewEncoder(w)
	flush := http.NewResponseController(w)
	tell := func(l preflightLine) {
		// Who asked may have gone; the request's context then ends the rest.
		_ = flush.SetWriteDeadline(time.Now().Add(time.Minute))
		_ = out.Encode(l)
		_ = flush.Flush()
	}
	o.Progress = func(s preflight.Step) { tell(preflightLine{Step: &s}) }
	report, err := d.preflight(r.Context(), p, o, func() {
		h := w.Header()
		h.Set("Content-Type", "application/x-ndjson")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
	})
	switch {
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", "10")
		api.Fail(w, http.StatusServiceUnavailable, err.Error())
	case err != nil:
		api.Refuse(w, err)
	default:
		tell(preflightLine{Report: &report})
	}
}

// errBusy: as many preflights as may be are under way.
var errBusy error = control.Errorf(control.Conflict, "other preflights are under way: wait for them")

// preflight goes the way to a destination. begin, which may be nil, is called before
// the first step: an error comes before that. The verdict is an event.
func (d *box) preflight(ctx context.Context, p place, o preflight.Options, begin func()) (report preflight.Report, err error) {
	sc, dc, err := d.known(p)
	if err != nil {
		return report, err
	}
	select {
	case d.preflights <- struct{}{}:
		defer func() { <-d.preflights }()
	default:
		return report, errBusy
	}
	unfit := func(err error) error { return control.Errorf(control.Usage, "%v", err) }
	if dc, err = expand(dc); err != nil { // the configuration was valid
		return report, unfit(err)
	}
	kind, t, err := d.preflightTarget(d.keeper.Running(), p.destination, dc)
	if err != nil {
		return report, unfit(err)
	}
	d.judge(&o, p.stream, p.destination, sc, dc, cardCodecs(kind, t))
	o.Describe = func(err error) string { return push.Describe(t, err) }
	o.Pattern = func(bitrate int) (preflight.Pattern, error) {
		return testcard.Make(ctx, cardCodecs(kind, t), bitrate)
	}
	if begin != nil {
		begin()
	}
	report = preflight.Run(ctx, kind, t, o)
	e := status.Event{Severity: status.Info, Stream: p.stream, Subject: "destination " + p.destination, Message: "preflight: go: " + report.Reason}
	if !report.Go {
		e.Severity, e.Message = status.Warning, "preflight: no go: "+report.Reason
	}
	d.store.Log(e)
	return report, nil
}

func preflightOptions(r *http.Request) (o preflight.Options, err error) {
	q := r.URL.Query()
	if v := q.Get("publish"); v != "" {
		if o.Publish, err = strconv.ParseBool(v); err != nil {
			return o, fmt.Errorf("publish: %q is not true or false", v)
		}
	}
	if v := q.Get("seconds"); v != "" {
		n, err := strconv.Atoi(v)
		if o.Measure = time.Duration(n) * time.Second; err != nil || n < 1 || o.Measure > maxMeasure {
			return o, fmt.Errorf("seconds: %q is not a number from 1 to %d", v, maxMeasure/time.Second)
		}
	}
	return o, nil
}

// preflightTarget is the destination as its life cycle would have it.
func (d *box) preflightTarget(cfg *config.Config, name string, dc config.Destination) (output.Kind, output.Target, error) {
	kind, ok := kinds.ForScheme(dc.URL.Scheme())
	if !ok {
		return output.Kind{}, output.Target{}, fmt.Errorf("destination %s: no kind of output for %s", name, dc.URL)
	}
	t, err := target(name, dc, kind)
	if err != nil {
		return kind, t, fmt.Errorf("destination %s: %w", name, err)
	}
	t.Agent, t.Log = "encoderbox "+d.opts.Version, d.log
	if t.TLS, err = trust(cfg.Path(dc.TLSCA)); err != nil {
		return kind, t, fmt.Errorf("destination %s: %w", name, err)
	}
	return kind, t, nil
}

// judge fills in what the stream needs in the codecs that the destination takes, and
// what its platform will not like.
func (d *box) judge(o *preflight.Options, stream, name string, sc config.Stream, dc config.Destination, codecs []media.Codec) {
	s := preset.Stream{VideoBitrate: int(sc.Video.Bitrate.Max), KeyInterval: sc.Video.GOP.Std()}
	s.Audio = true // while nobody knows
	for _, st := range d.store.Load().Streams {
		if st.Name != stream {
			continue
		}
		if v := st.Video; v != nil {
			s.Video = &media.VideoParams{Width: v.Width, Height: v.Height, FrameRate: media.Rational{Num: int(v.FrameRate * 1000), Den: 1000}}
		}
		s.Audio = st.Audio != nil || st.Video == nil
		for _, dest := range st.Destinations {
			o.Busy = o.Busy || dest.Name == name && dest.State == status.Active
		}
	}
	if s.Audio {
		s.AudioBitrate = int(sc.Audio.Bitrate)
	}
	o.Needed, o.FileTime = needed(s, dc, codecs), sc.Segment.Duration.Std()
	if p, ok := preset.ByName(dc.Preset); ok {
		o.Complaints = p.Limits.Judge(s)
	}
}

// needed is the bit rate of what a stream sends to a destination.
func needed(s preset.Stream, dc config.Destination, codecs []media.Codec) (bits int) {
	for _, c := range codecs {
		switch {
		case c.Kind() == media.Video:
			bits += s.VideoBitrate
		case c == media.AAC:
			bits += s.AudioBitrate
		case s.Audio:
			bits += int(dc.AudioRate)
		}
	}
	return bits
}

// cardCodecs are the codecs of the test pattern for a kind.
func cardCodecs(kind output.Kind, t output.Target) []media.Codec {
	takes := []media.Codec{media.H264, media.AAC}
	if kind.Takes != nil {
		if own := kind.Takes(t); own != nil {
			takes = own
		}
	}
	var codecs []media.Codec
	for _, c := range takes {
		if !slices.ContainsFunc(codecs, func(o media.Codec) bool { return o.Kind() == c.Kind() }) {
			codecs = append(codecs, c)
		}
	}
	return codecs
}

var _ preflight.Pattern = (*testcard.Card)(nil)

// expand gives a destination with a preset its address and options.
func expand(dc config.Destination) (config.Destination, error) {
	if dc.Preset == "" {
		return dc, nil
	}
	p, ok := preset.ByName(dc.Preset)
	if !ok {
		return dc, fmt.Errorf("no preset %q; there are %s", dc.Preset, strings.Join(preset.Names(), ", "))
	}
	address, err := p.Resolve(dc.Server, dc.Key.Reveal())
	if err != nil {
		return dc, err
	}
	return dc.With(address, p.Options)
}

// expanded is a configuration whose destinations all have their address.
func expanded(cfg *config.Config) (*config.Config, error) {
	next := cfg.Clone()
	for name, s := range next.Streams {
		for dest, dc := range s.Destinations {
			full, err := expand(dc)
			if err != nil {
				return nil, fmt.Errorf("streams.%s.destinations.%s: %w", name, dest, err)
			}
			s.Destinations[dest] = full
		}
	}
	return next, nil
}
