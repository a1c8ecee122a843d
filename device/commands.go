package device

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/encoderbox/encoderbox/device/commit"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/network"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/output/push"
	"github.com/encoderbox/encoderbox/output/record"
)

// commands is the one table of what the box can be asked to do. What changes the
// configuration, or the box itself, needs Admin; what is of the moment, Operator.
func (d *box) commands() *control.Table {
	return control.New(d.store, d.executed, slices.Concat(
		d.streamCommands(), d.destinationCommands(), d.recordCommands(), d.showCommands(),
		d.configCommands(), d.presetCommands(), commit.Commands(d.keeper), d.systemCommands(), d.timeCommands(),
		network.Commands(d.store, d.keeper), network.WifiCommands(d.store, d.keeper, d.network), d.panelCommands(),
	)...)
}

// maxTold bounds an argument in an event, runes.
const maxTold = 80

// executed logs who had what done.
func (d *box) executed(by control.Caller, c control.Command, args control.Args, err error) {
	words := []string{c.Name}
	for _, a := range c.Args {
		v := args.Get(a.Name)
		if runes := []rune(v); len(runes) > maxTold {
			v = string(runes[:maxTold]) + "…"
		}
		if v != "" {
			words = append(words, control.Quote(v))
		}
	}
	e := status.Event{
		Severity: status.Info, Subject: "command",
		Message: fmt.Sprintf("%s: by %s (%s)", strings.Join(words, " "), by.Name, by.Surface),
	}
	if err != nil {
		e.Severity = status.Warning
		e.Message += ": not done: " + err.Error()
	}
	cfg := d.keeper.Running()
	if _, is := cfg.Streams[args.Get("stream")]; is {
		e.Stream = args.Get("stream")
	}
	e.Message = cfg.Conceal(e.Message) // people paste keys where names belong
	d.store.Log(e)
	d.log.Info("command", "command", c.Name, "by", by.Name, "surface", string(by.Surface), "done", err == nil)
}

// refused makes the errors of what commands use those of commands.
func refused(err error) error {
	switch {
	case errors.Is(err, errNoDestination):
		return control.Errorf(control.NotFound, "%v", err)
	case errors.Is(err, push.ErrNotEnabled):
		return &control.Error{Code: control.Conflict, Message: err.Error(), Hint: "destination enable NAME"}
	case errors.Is(err, push.ErrPaused), errors.Is(err, push.ErrHeld), errors.Is(err, record.ErrOff), errors.Is(err, record.ErrIdle):
		return control.Errorf(control.Conflict, "%v", err)
	}
	return commit.Refusal(err)
}

// streamOf is a configured stream by its name; "" is the default one.
func (d *box) streamOf(name string) (string, config.Stream, error) {
	cfg := d.keeper.Running()
	if name == "" {
		name = cfg.DefaultStream()
	}
	if sc, ok := cfg.Streams[name]; ok {
		return name, sc, nil
	}
	return "", config.Stream{}, control.Errorf(control.NotFound, "there is no stream %s: the box has %s",
		strconv.Quote(name), orNone(cfg.StreamNames()))
}

// destinationOf is a configured destination by its name, or STREAM/NAME where several
// streams have it.
func (d *box) destinationOf(name string) (place, error) {
	if stream, dest, ok := strings.Cut(name, "/"); ok {
		return place{stream, dest}, nil // who commands it finds out whether it is there
	}
	cfg := d.keeper.Running()
	var found []place
	var all []string
	for _, stream := range cfg.StreamNames() {
		sc := cfg.Streams[stream]
		for _, dest := range sc.DestinationNames() {
			all = append(all, dest)
			if dest == name {
				found = append(found, place{stream, dest})
			}
		}
	}
	switch len(found) {
	case 0:
		return place{}, control.Errorf(control.NotFound, "there is no destination %s: the box has %s", strconv.Quote(name), orNone(all))
	case 1:
		return found[0], nil
	}
	return place{}, control.Errorf(control.Usage, "several streams have a destination %s: say %s or %s",
		strconv.Quote(name), found[0], found[1])
}

func (p place) String() string { return p.stream + "/" + p.destination }

// known is the configuration of a destination.
func (d *box) known(p place) (config.Stream, config.Destination, error) {
	sc := d.keeper.Running().Streams[p.stream]
	if dc, ok := sc.Destinations[p.destination]; ok {
		return sc, dc, nil
	}
	return sc, config.Destination{}, control.Errorf(control.NotFound, "there is no destination %s of a stream %s",
		strconv.Quote(p.destination), strconv.Quote(p.stream))
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// streamArg is the stream that a command is about.
func streamArg(optional bool) control.Arg {
	a := control.Arg{Name: "stream", Kind: control.Word, Help: "the stream", Optional: optional, Values: streamNames}
	if optional {
		a.Help += "; left out: the default one"
	}
	return a
}

func streamNames(s *status.Snapshot, _ control.Args) (names []string) {
	for _, st := range s.Streams {
		names = append(names, st.Name)
	}
	return names
}

// destinationArg is the destination that a command is about.
func destinationArg() control.Arg {
	return control.Arg{
		Name: "name", Kind: control.Word, Help: "the destination, or STREAM/DESTINATION where several streams have it",
		Values: destinationNames,
	}
}

func destinationNames(s *status.Snapshot, _ control.Args) (names []string) {
	count := map[string]int{}
	for _, st := range s.Streams {
		for _, dest := range st.Destinations {
			count[dest.Name]++
		}
	}
	for _, st := range s.Streams {
		for _, dest := range st.Destinations {
			name := dest.Name
			if count[name] > 1 {
				name = place{st.Name, dest.Name}.String()
			}
			names = append(names, name)
		}
	}
	return names
}

// table is a JSON object.
type table map[string]any

// patch changes the configuration for a caller. It says whether that changed anything.
func (d *box) patch(ctx context.Context, call control.Call, keys table) (changed bool, err error) {
	doc, err := json.Marshal(keys)
	if err != nil {
		return false, fmt.Errorf("encode the change: %w", err)
	}
	changed, err = d.changeConfig(ctx, call.Caller.Name, "", merged(doc))
	return changed, refused(err)
}

// patchStream is patch for the keys of a stream.
func (d *box) patchStream(ctx context.Context, call control.Call, stream string, keys table) (changed bool, err error) {
	return d.patch(ctx, call, table{"streams": table{stream: keys}})
}
