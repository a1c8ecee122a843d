package device

import (
	"context"
	"fmt"
	"strconv"

	"github.com/encoderbox/encoderbox/device/control"
)

func (d *box) streamCommands() []control.Command {
	return []control.Command{
		{
			Name: "stream start", Help: "Put a stream on the air: its destinations push", Role: control.Operator,
			Args: []control.Arg{streamArg(true)}, Run: d.startStream,
		},
		{
			Name: "stream stop", Help: "Take a stream off the air until start, also over a restart; the LAN and recordings go on", Role: control.Operator,
			Args: []control.Arg{streamArg(true)}, Run: d.stopStream,
		},
		{
			Name: "stream key", Help: "Have the next picture be a key picture", Role: control.Operator,
			Args: []control.Arg{streamArg(true)}, Run: d.requestKey,
		},
		{
			Name: "slate on", Help: "Show the slate, without sound, in place of the input until off", Role: control.Operator,
			Args: []control.Arg{streamArg(true)},
			Run:  func(_ context.Context, call control.Call) (control.Result, error) { return d.slate(call, true) },
		},
		{
			Name: "slate off", Help: "Show the input again", Role: control.Operator,
			Args: []control.Arg{streamArg(true)},
			Run:  func(_ context.Context, call control.Call) (control.Result, error) { return d.slate(call, false) },
		},
		{
			Name: "bitrate", Help: "Bound the bit rate of a stream's pictures", Role: control.Admin,
			Args: []control.Arg{
				streamArg(false),
				{Name: "max", Kind: control.Bitrate, Unit: "bits per second", Help: "the highest, such as 4M"},
				{Name: "min", Kind: control.Bitrate, Unit: "bits per second", Help: "the least; left out: as it is", Optional: true},
				{Name: "mode", Kind: control.Choice, Choices: []string{"adaptive", "fixed"}, Help: "whether it follows the links; left out: as it is", Optional: true},
			},
			Run: d.boundBitrate,
		},
		{
			Name: "input select", Help: "Choose where a stream's pictures and sound come from", Role: control.Admin,
			Args: []control.Arg{
				streamArg(false),
				{Name: "kind", Kind: control.Choice, Choices: []string{"pattern", "file", "capture"}, Help: "the kind of source"},
				{Name: "source", Kind: control.Text, Help: "the device of a capture (auto, /dev/video0, usb:1-1.4), or the file; left out: as it is", Optional: true, Values: d.captures.sources},
			},
			Run: d.selectInput,
		},
	}
}

func (d *box) startStream(_ context.Context, call control.Call) (control.Result, error) {
	name, _, err := d.streamOf(call.Args.Get("stream"))
	if err != nil {
		return control.Result{}, err
	}
	return d.setAir(name, "", "stream "+name+" is on the air")
}

func (d *box) stopStream(_ context.Context, call control.Call) (control.Result, error) {
	name, _, err := d.streamOf(call.Args.Get("stream"))
	if err != nil {
		return control.Result{}, err
	}
	return d.setAir(name, "stopped by "+call.Caller.Name, "stream "+name+" is off the air until it is started")
}

// setAir takes a stream off the air for a reason, or puts it on. That it will not
// survive a restart is told, and no error: it is done.
func (d *box) setAir(stream, why, text string) (control.Result, error) {
	known := func(name string) bool { _, ok := d.keeper.Running().Streams[name]; return ok }
	_, err := d.air.set(stream, why, known, func() {
		d.destinations.air(stream, offReason(why))
		if known(stream) { // else it would come back to the status
			d.store.Stream(stream).SetOffAir(why)
		}
	})
	if err != nil {
		d.log.Error("stream start and stop do not survive a restart", "stream", stream, "err", err)
		text += fmt.Sprintf("; it will not survive a restart: %v", err)
	}
	return control.Result{Text: text}, nil
}

// offReason is why a destination is held whose stream is off the air.
func offReason(why string) string {
	if why == "" {
		return ""
	}
	return "off the air: " + why
}

func (d *box) requestKey(_ context.Context, call control.Call) (control.Result, error) {
	name, _, err := d.streamOf(call.Args.Get("stream"))
	if err != nil {
		return control.Result{}, err
	}
	h, ok := d.hubs.get(name)
	if !ok || !h.KeysOnRequest() {
		return control.Result{}, control.Errorf(control.Conflict,
			"stream %s makes no key pictures on request: nothing is encoded here, since its input is not open or comes encoded", strconv.Quote(name))
	}
	h.RequestKey()
	return control.Result{}, nil
}

func (d *box) slate(call control.Call, on bool) (control.Result, error) {
	name, sc, err := d.streamOf(call.Args.Get("stream"))
	if err != nil {
		return control.Result{}, err
	}
	p, ok := d.programmes.get(name)
	if !ok {
		return control.Result{}, control.Errorf(control.Conflict, "stream %s has no open input: see show input", strconv.Quote(name))
	}
	if !p.SetSlate(on) {
		return control.Result{}, control.Errorf(control.Conflict,
			"stream %s has no slate: its input is of kind %s, and only that of kind capture has one", strconv.Quote(name), sc.Input.Kind)
	}
	return control.Result{}, nil
}

func (d *box) boundBitrate(ctx context.Context, call control.Call) (control.Result, error) {
	name, _, err := d.streamOf(call.Args.Get("stream"))
	if err != nil {
		return control.Result{}, err
	}
	keys := table{}
	for _, key := range []string{"max", "min", "mode"} {
		if v := call.Args.Get(key); v != "" {
			keys[key] = v
		}
	}
	if _, err := d.patchStream(ctx, call, name, table{"video": table{"bitrate": keys}}); err != nil {
		return control.Result{}, err
	}
	b := d.keeper.Running().Streams[name].Video.Bitrate
	return control.Result{Text: fmt.Sprintf("stream %s: %s to %s bits per second, %s", name, b.Min, b.Max, b.Mode)}, nil
}

func (d *box) selectInput(ctx context.Context, call control.Call) (control.Result, error) {
	name, _, err := d.streamOf(call.Args.Get("stream"))
	if err != nil {
		return control.Result{}, err
	}
	kind, source := call.Args.Get("kind"), call.Args.Get("source")
	keys := table{"kind": kind}
	switch {
	case source == "":
	case kind == "file":
		keys["path"] = source
	case kind == "capture":
		keys["device"] = source
	default:
		return control.Result{}, control.Errorf(control.Usage, "an input of kind %s has no source to choose: leave %s out", kind, strconv.Quote(source))
	}
	changed, err := d.patchStream(ctx, call, name, table{"input": keys})
	if err != nil {
		return control.Result{}, err
	}
	if !changed {
		return control.Result{Text: "stream " + name + " has that input already"}, nil
	}
	return control.Result{Text: "stream " + name + " changes to that input: see show input"}, nil
}
