package device

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/output/preflight"
	"github.com/encoderbox/encoderbox/output/record"
)

func (d *box) destinationCommands() []control.Command {
	with := func(f func(ctx context.Context, call control.Call, p place) (control.Result, error)) func(context.Context, control.Call) (control.Result, error) {
		return func(ctx context.Context, call control.Call) (control.Result, error) {
			p, err := d.destinationOf(call.Args.Get("name"))
			if err != nil {
				return control.Result{}, err
			}
			r, err := f(ctx, call, p)
			return r, refused(err)
		}
	}
	moment := func(f func(call control.Call, p place) error) func(context.Context, control.Call) (control.Result, error) {
		return with(func(_ context.Context, call control.Call, p place) (control.Result, error) {
			return control.Result{}, f(call, p)
		})
	}
	args := []control.Arg{destinationArg()}
	return []control.Command{
		{
			Name: "destination pause", Help: "End a destination's connection until resume", Role: control.Operator, Args: args,
			Run: moment(func(call control.Call, p place) error {
				return d.PauseDestination(p.stream, p.destination, call.Caller.Name)
			}),
		},
		{
			Name: "destination resume", Help: "Take back a pause", Role: control.Operator, Args: args,
			Run: moment(func(_ control.Call, p place) error { return d.ResumeDestination(p.stream, p.destination) }),
		},
		{
			Name: "destination retry", Help: "Forget a destination's failures and try it again now", Role: control.Operator, Args: args,
			Run: moment(d.retry),
		},
		{
			Name: "destination preflight", Help: "Go the way to a destination and say go or no-go", Role: control.Operator, Long: true,
			Args: append(args[:1:1],
				control.Arg{Name: "publish", Kind: control.Switch, Help: "publish a test pattern too, to measure what it carries", Optional: true, Default: "off"},
				control.Arg{Name: "seconds", Kind: control.Integer, Unit: "seconds", Help: "for so long", Optional: true, Min: 1, Max: int64(maxMeasure / time.Second)}),
			Run: with(d.preflightCommand),
		},
		{
			Name: "destination enable", Help: "Have a destination push from now on, also after a restart", Role: control.Admin, Args: args,
			Run: with(func(ctx context.Context, call control.Call, p place) (control.Result, error) {
				return d.enable(ctx, call, p, true)
			}),
		},
		{
			Name: "destination disable", Help: "Keep a destination for later, without pushing", Role: control.Admin, Args: args,
			Run: with(func(ctx context.Context, call control.Call, p place) (control.Result, error) {
				return d.enable(ctx, call, p, false)
			}),
		},
	}
}

func (d *box) retry(_ control.Call, p place) error {
	if !d.destinations.onAir(p.stream) {
		return &control.Error{Code: control.Conflict, Message: "stream " + p.stream + " is off the air: start it", Hint: "stream start " + p.stream}
	}
	return d.RetryDestination(p.stream, p.destination)
}

func (d *box) enable(ctx context.Context, call control.Call, p place, on bool) (control.Result, error) {
	if _, _, err := d.known(p); err != nil {
		return control.Result{}, err
	}
	_, err := d.patchStream(ctx, call, p.stream, table{"destinations": table{p.destination: table{"enabled": on}}})
	return control.Result{}, err
}

// preflightCommand tells its steps as progress: how many there will be depends on
// what they find.
func (d *box) preflightCommand(ctx context.Context, call control.Call, p place) (control.Result, error) {
	var lines []string
	report, err := d.preflight(ctx, p, preflight.Options{
		Publish: call.Args.On("publish"), Measure: time.Duration(call.Args.Int("seconds")) * time.Second,
		Progress: func(s preflight.Step) {
			lines = append(lines, fmt.Sprintf("%-8s %-14s %s", s.Verdict, s.Name, s.Text))
			// The lines stand in the answer; what is said meanwhile is drawn over.
			call.Progress(control.Progress{Done: -1, Text: fmt.Sprintf("%s: %s", s.Name, s.Verdict)})
		},
	}, nil)
	if err != nil {
		return control.Result{}, err
	}
	word := "GO: "
	if !report.Go {
		word = "NO GO: "
	}
	return control.Result{Text: plain(strings.Join(append(lines, word+report.Reason), "\n")), Data: report}, nil
}

func (d *box) recordCommands() []control.Command {
	with := func(f func(r *record.Recorder, call control.Call) error) func(context.Context, control.Call) (control.Result, error) {
		return func(_ context.Context, call control.Call) (control.Result, error) {
			name, _, err := d.streamOf(call.Args.Get("stream"))
			if err != nil {
				return control.Result{}, err
			}
			r, ok := d.recorders.get(name)
			if !ok {
				return control.Result{}, control.Errorf(control.Conflict,
					"stream %s records nothing now: storage.path is not set, or its storage cannot be used: see show status", name)
			}
			return control.Result{}, refused(f(r, call))
		}
	}
	return []control.Command{
		{
			Name: "record start", Help: "Record a stream, or go on for longer", Role: control.Operator,
			Args: []control.Arg{
				streamArg(false),
				{Name: "for", Kind: control.Duration, Help: "how long, such as 90m; 0: until stop", Optional: true, Max: 366 * 24 * 3600},
				{Name: "label", Kind: control.Text, Help: "what it is, for the file's name", Optional: true},
			},
			Run: with(func(r *record.Recorder, call control.Call) error {
				return usage(r.Start(call.Args.Get("label"), call.Args.Duration("for")))
			}),
		},
		{
			Name: "record stop", Help: "End what is being recorded", Role: control.Operator, Args: []control.Arg{streamArg(false)},
			Run: with(func(r *record.Recorder, _ control.Call) error { return r.Stop() }),
		},
		{
			Name: "record mark", Help: "Put a mark into what is being recorded", Role: control.Operator,
			Args: []control.Arg{streamArg(false), {Name: "text", Kind: control.Text, Help: "what happens", Optional: true}},
			Run:  with(func(r *record.Recorder, call control.Call) error { return r.Mark(call.Args.Get("text")) }),
		},
	}
}

// usage makes an error that is no state of the recorder one of the arguments.
func usage(err error) error {
	if known := refused(err); err == nil || known != err { //nolint:errorlint // the very same: nobody knew it
		return known
	}
	return control.Errorf(control.Usage, "%v", err)
}
