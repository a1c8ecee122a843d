package panel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// noon is when all pictures are made.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func pointer[T any](v T) *T { return &v }

// live is a box that is on the air, with a bit of everything.
func live() *status.Snapshot {
	return &status.Snapshot{
		Version: "1.4.0", Hostname: "encoder-7", Started: noon.Add(-26 * time.Hour), Time: noon,
		Network: []status.NetworkInterface{
			{Name: "eth0", State: "up", Addresses: []string{"fd00::7/64", "192.168.178.120/24", "fe80::1/64"}},
			{Name: "usb0", State: "no cable"},
			{Name: "wlan0", State: "up", Addresses: []string{"10.42.0.1/24"}},
		},
		Presets: []status.Preset{
			{Name: "church", Note: "Sunday service", State: status.PresetApplied},
			{Name: "fair", Note: "Hall 2, both platforms", Makers: true},
			{Name: "old-box", Error: "old-box.toml:3:1: streams.main.video.gpo: unknown key"},
		},
		MediaPresets: []string{"wedding"},
		Streams: []status.Stream{{
			Name: "main", Default: true,
			Input: status.Input{Kind: "capture", State: status.InputRunning, Signal: &status.Signal{
				State: "ok", Width: 1920, Height: 1080, FrameRate: 59.94, Pixel: "NV12", Device: "tc358743",
			}},
			Video: &status.Video{Width: 1920, Height: 1080, FrameRate: 59.94, Bitrate: 5_800_000, Target: 6_000_000},
			Audio: &status.Audio{SampleRate: 48000, Channels: 2, Bitrate: 128000},
			Rate: &status.Rate{
				Mode: "adaptive", Min: 500_000, Max: 8_000_000, Target: 6_000_000, Video: 5_800_000, Step: "full",
				Decider: "youtube", Reason: "the link's queue grew by 120 ms",
			},
			Storage: &status.Storage{Free: 48_200_000_000, Writing: "/data/main/2026-11-21_10-57.mp4"},
			Recording: &status.Recording{
				Mode: "manual", State: "recording", Since: pointer(noon.Add(-63 * time.Minute)), Remaining: pointer(62000.0),
			},
			Destinations: []status.Destination{
				{Name: "archive", State: status.Disabled},
				{Name: "backup-srt", State: status.Reconnecting, Cause: "refused", NextAttempt: pointer(noon.Add(7 * time.Second))},
				{Name: "youtube", State: status.Active, Bitrate: 5_900_000, ConnectedAt: pointer(noon.Add(-83*time.Minute - 45*time.Second))},
			},
			Conditions: []status.Condition{
				{Code: "x", Severity: status.Warning, Message: "destination backup-srt: connection refused by 203.0.113.9: is the server running?"},
			},
		}},
	}
}

func offAir() *status.Snapshot {
	s := live()
	st := &s.Streams[0]
	for i := range st.Destinations {
		st.Destinations[i] = status.Destination{Name: st.Destinations[i].Name, State: status.Disabled, Held: true}
	}
	st.OffAir = "stopped by 192.168.178.20"
	st.Conditions, st.Rate.Decider, st.Rate.Reason = nil, "", "no destination is connected"
	st.Recording = &status.Recording{Mode: "manual", State: "idle", Remaining: pointer(62000.0)}
	st.Storage.Writing = ""
	return s
}

func pageOf(ip string) string { return "http://" + net.JoinHostPort(ip, "8080") + "/" }

// sceneOf is a snapshot seen at noon.
func sceneOf(s *status.Snapshot) scene {
	return scene{status: s, now: noon, addresses: addressesOf(s, pageOf)}
}

// loaded is a store of one snapshot.
type loaded struct{ s *status.Snapshot }

func (l loaded) Load() *status.Snapshot { return l.s }

// box is a table as the product has it, and what was asked of it.
type box struct {
	table *control.Table
	calls []string
	fail  error
	text  string        // that commands answer
	block chan struct{} // commands wait for it, unless it is nil
}

func newBox(s *status.Snapshot, more ...control.Command) *box {
	b := &box{}
	run := func(name string) func(context.Context, control.Call) (control.Result, error) {
		return func(ctx context.Context, c control.Call) (control.Result, error) {
			call := name
			for _, k := range []string{"stream", "name", "interface", "address", "gateway", "dns", "max", "min", "for", "zone", "time", "kind", "file"} {
				if v := c.Args.Get(k); v != "" {
					call += " " + k + "=" + v
				}
			}
			b.calls = append(b.calls, call)
			if b.block != nil {
				select {
				case <-b.block:
				case <-ctx.Done():
					return control.Result{}, ctx.Err()
				}
			}
			return control.Result{Text: b.text}, b.fail
		}
	}
	streams := func(s *status.Snapshot, _ control.Args) (all []string) {
		for _, st := range s.Streams {
			all = append(all, st.Name)
		}
		return all
	}
	destinations := func(s *status.Snapshot, _ control.Args) (all []string) {
		for _, d := range s.Streams[0].Destinations {
			all = append(all, d.Name)
		}
		return all
	}
	stream := control.Arg{Name: "stream", Kind: control.Word, Help: "the stream", Values: streams}
	destination := control.Arg{Name: "name", Kind: control.Word, Help: "the destination", Values: destinations}
	iface := control.Arg{Name: "interface", Kind: control.Word, Help: "the interface", Values: func(*status.Snapshot, control.Args) []string { return []string{"eth0", "wlan0"} }}
	stored := control.Arg{Name: "name", Kind: control.Word, Help: "the preset", Values: func(s *status.Snapshot, _ control.Args) (all []string) {
		for _, p := range s.Presets {
			all = append(all, p.Name)
		}
		return all
	}}
	brought := control.Arg{Name: "file", Kind: control.Word, Help: "its name in the folder presets of a USB stick, or a whole path", Values: func(s *status.Snapshot, _ control.Args) []string { return s.MediaPresets }}
	zones := control.Arg{Name: "zone", Kind: control.Word, Help: "such as Europe/Vienna", Values: func(*status.Snapshot, control.Args) (all []string) {
		for i := range 40 {
			all = append(all, fmt.Sprintf("%s/City%d", []string{"Africa", "Europe"}[i/20], i))
		}
		return all
	}}
	commands := []control.Command{
		{Name: "stream start", Help: "Put a stream on the air: its destinations push", Args: []control.Arg{stream}},
		{Name: "stream stop", Help: "Take a stream off the air until start; recordings go on", Args: []control.Arg{stream}},
		{Name: "stream key", Help: "Have the next picture be a key picture", Args: []control.Arg{stream}},
		{Name: "destination pause", Help: "End a connection until resume", Args: []control.Arg{destination}},
		{Name: "destination resume", Help: "Take back a pause", Args: []control.Arg{destination}},
		{Name: "destination enable", Help: "Have it push from now on", Args: []control.Arg{destination}},
		{Name: "destination disable", Help: "Keep it for later", Args: []control.Arg{destination}},
		{Name: "destination retry", Help: "Try it again now", Args: []control.Arg{destination}},
		{Name: "record start", Help: "Record a stream", Args: []control.Arg{stream, {Name: "for", Kind: control.Duration, Help: "how long", Optional: true, Max: 7200}, {Name: "label", Kind: control.Text, Optional: true, Help: "what"}}},
		{Name: "record stop", Help: "End the recording", Args: []control.Arg{stream}},
		{Name: "record mark", Help: "Mark this moment", Args: []control.Arg{stream, {Name: "text", Kind: control.Text, Optional: true, Help: "what"}}},
		{Name: "preset apply", Help: "Have the box do what a preset says: its streams replace all others", Args: []control.Arg{stored}},
		{Name: "preset show", Help: "Show what a preset configures, secrets masked", Reads: true, Args: []control.Arg{stored}},
		{Name: "preset remove", Help: "Forget a preset; what the box does stays", Args: []control.Arg{stored}, Confirm: []control.Ask{control.Question("Preset church is lost, with the stream keys in it. Remove it?")}},
		{Name: "preset import", Help: "Take a preset from a USB stick or another file on the box", Args: []control.Arg{brought, {Name: "name", Kind: control.Word, Help: "under which it is kept; left out: the file's", Optional: true}}},
		{Name: "input select", Help: "Choose the source", Args: []control.Arg{stream, {Name: "kind", Kind: control.Choice, Choices: []string{"pattern", "file", "capture"}, Help: "the kind"}}},
		{Name: "bitrate", Help: "Bound the bit rate", Args: []control.Arg{stream, {Name: "max", Kind: control.Bitrate, Help: "the highest, such as 4M"}, {Name: "min", Kind: control.Bitrate, Help: "the least", Optional: true}}},
		{Name: "network dhcp", Help: "Take an interface's address from the network", Args: []control.Arg{iface}},
		{Name: "network static", Help: "Give an interface an address of its own", Args: []control.Arg{iface,
			{Name: "address", Kind: control.Word, Help: "address and length of its net, such as 192.168.1.20/24"},
			{Name: "gateway", Kind: control.Word, Help: "the router", Values: func(*status.Snapshot, control.Args) []string { return []string{"192.168.178.1", "none"} }}}},
		{Name: "config confirm", Help: "Keep the change that waits for it"},
		{Name: "time zone", Help: "Set the time zone", Args: []control.Arg{zones}},
		{Name: "time set", Help: "Set the clock", Args: []control.Arg{{Name: "time", Kind: control.Text, Help: "local time"}}},
		{Name: "system reboot", Help: "Start the box again", Confirm: []control.Ask{control.Question("Every stream of encoder-7 is interrupted. Reboot it?")}},
		{Name: "system shutdown", Help: "Switch the box off", Confirm: []control.Ask{control.Question("Every stream ends. Shut it down?")}},
		{Name: "system factory-reset", Help: "Forget all settings", Confirm: []control.Ask{
			control.Question("All settings of encoder-7 are lost, recordings stay. Reset it?"),
			control.Question("Really? Nobody can take this back."),
		}},
	}
	commands = append(commands, more...)
	for i := range commands {
		if commands[i].Run == nil {
			commands[i].Run = run(commands[i].Name)
		}
		if commands[i].Role == 0 {
			commands[i].Role = control.Operator
		}
	}
	b.table = control.New(loaded{s}, nil, commands...)
	return b
}

// hand works a ui by its keys, as a person does.
type hand struct {
	ui ui
	s  scene
	b  *box
}

func newHand(s *status.Snapshot, more ...control.Command) *hand {
	b := newBox(s, more...)
	return &hand{ui: ui{table: b.table, by: Caller(), touched: noon}, s: sceneOf(s), b: b}
}

// do presses keys, in words: "down", "ok", "ok…" for a long press, "hold" for OK held
// until it is believed, "half" for OK held and not let go.
func (h *hand) do(keys ...string) {
	for _, k := range keys {
		key := panel.Key(strings.TrimSuffix(k, "…"))
		switch {
		case k == "hold" || k == "half":
			h.ui.press(h.s, Press{panel.OK, Down, 0})
			for d := holdStep; d <= 3*time.Second && (k == "hold" || d < time.Second); d += holdStep {
				h.ui.press(h.s, Press{panel.OK, Held, d})
			}
			if k == "hold" {
				h.ui.press(h.s, Press{panel.OK, Up, 3 * time.Second})
			}
		case strings.HasSuffix(k, "…"):
			h.ui.press(h.s, Press{key, Down, 0})
			h.ui.press(h.s, Press{key, Long, longPress})
			h.ui.press(h.s, Press{key, Up, longPress})
		default:
			h.ui.press(h.s, Press{key, Down, 0})
			h.ui.press(h.s, Press{key, Up, 0})
			h.ui.press(h.s, Press{key, Short, 0})
		}
		if j := h.ui.wanted(); j != nil && h.b.block == nil {
			r, err := h.b.table.Do(context.Background(), h.ui.by, j.request)
			h.ui.finished(h.s, j.number, r, err)
		}
	}
}

// choose goes down to an item of the menu that is shown, and presses OK.
func (h *hand) choose(labels ...string) error {
	for _, label := range labels {
		found := false
		for range 60 {
			v := h.ui.view(h.s)
			if v.menu && v.rows[v.selected].left == label {
				found = true
				break
			}
			if v.edit != "" { // taken as it stands
				h.do("ok")
			} else {
				h.do("down")
			}
		}
		if !found {
			return fmt.Errorf("no item %q in %+v", label, h.ui.view(h.s))
		}
		h.do("ok")
	}
	return nil
}

var errBroken = errors.New("stream main: encoder /dev/video11 does not answer: unplug the box from power for ten seconds")
