package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rules are what the configuration must know about the outputs there are. The
// zero value checks nothing that depends on them.
type Rules struct {
	// Schemes are the URL schemes that choose a kind of push; empty: any.
	Schemes []string
	// KindOf is the kind that a scheme chooses, and whether it takes files (segments)
	// or packets; nil: options are not checked.
	KindOf func(scheme string) (kind string, files bool)
	// Expand makes the address and the options of a destination with a preset; nil: they
	// are not checked. Secrets in its errors are masked.
	Expand func(Destination) (Destination, error)
	// Models are the names of the board models; empty: any.
	Models []string
	// Check says what is wrong with a destination in its kind's eyes; may be
	// nil. Secrets in its errors are masked.
	Check func(name string, d Destination) error
	// Recording says what is wrong with a recording's schedule or name, and which
	// of the two keys it is; may be nil.
	Recording func(Recording) (key string, err error)
	// Group says what is wrong with a group in itself; may be nil.
	Group func(Group) error
}

const (
	maxGrace    = Duration(10 * time.Minute)
	minSegments = 3 // RFC 8216 section 6.2.2
	maxSegments = 10000
)

// validate checks what no single value can show.
func (d *decoder) validate(c *Config, rules Rules) {
	if len(c.Streams) == 0 && !d.bad["streams"] && !d.shapeless {
		d.fail("streams", "no stream, expected at least one: [streams.main]")
	}
	d.validateBoard(c.Board, rules)
	d.validatePanelPort(c)
	d.validateNetwork(c.Network)
	d.validateConsole(c.Console)
	marked, captured := "", map[string]string{}
	for _, name := range c.StreamNames() {
		path := "streams." + name
		s := c.Streams[name]
		if s.Default && marked != "" {
			d.fail(path+".default", "%s is the default stream already, expected one at most", marked)
		}
		if s.Default {
			marked = name
		}
		d.validateInput(path, s)
		d.validateDevice(path, name, s.Input, captured)
		d.validateTiming(path, s)
		d.validateKept(path, s, c.Storage, rules)
		for _, dest := range s.DestinationNames() {
			d.validateDestination(path+".destinations."+dest, dest, s.Destinations[dest], rules)
		}
		d.validatePrimary(path, s)
		d.validateGroups(path, s, rules)
	}
}

func (d *decoder) validateBoard(b Board, rules Rules) {
	if b.Model == "auto" || len(rules.Models) == 0 || slices.Contains(rules.Models, b.Model) || !d.good("board", "model") {
		return
	}
	hint := ""
	if s := suggest(b.Model, rules.Models); s != "" {
		hint = fmt.Sprintf("; did you mean %q?", s)
	}
	d.fail("board.model", "got %s, expected \"auto\" or one of %s%s", quote(b.Model), strings.Join(rules.Models, ", "), hint)
}

// validatePanelPort holds the port to one owner. That it is there is not asked: a panel
// is plugged in and out.
func (d *decoder) validatePanelPort(c *Config) {
	port := c.Board.PanelPort
	switch {
	case port == "":
	case !strings.HasPrefix(port, "/dev/"):
		d.fail("board.panel_port", "got %s, expected the whole path of a port below /dev, such as \"/dev/ttyUSB0\"", quote(port))
	case port == c.Console.Device:
		d.fail("board.panel_port", "%s is console.device too: a port has a front panel or a console", quote(port))
	}
}

// good says that none of the keys, nor a table around them, has a problem of
// its own.
func (d *decoder) good(path string, keys ...string) bool {
	return !slices.ContainsFunc(keys, func(k string) bool {
		for at := join(path, k); ; {
			if d.bad[at] {
				return true
			}
			i := strings.LastIndexByte(at, '.')
			if i < 0 {
				return false
			}
			at = at[:i]
		}
	})
}

func (d *decoder) validateInput(path string, s Stream) {
	if s.Input.Kind == "file" && s.Input.Path == "" && d.good(path, "input.kind", "input.path") {
		d.fail(path+".input.path", `missing: input.kind "file" needs the file to play, such as "footage.mp4"`)
	}
	if s.Input.Kind != "file" && s.Video.Encoder == "passthrough" && d.good(path, "input.kind", "video.encoder") {
		d.fail(path+".video.encoder", `got "passthrough", but input.kind %q is not encoded yet: expected "auto", "hardware" or "software"`, s.Input.Kind)
	}
	d.validateFormat(path+".input", s.Input)
	d.validateBitrate(path, s.Video)
}

// validateBitrate checks the bounds against each other.
func (d *decoder) validateBitrate(path string, v Video) {
	const table = ".video.bitrate"
	b := v.Bitrate
	if v.Encoder == "passthrough" && b != DefaultStreamConfig().Video.Bitrate && d.good(path, "video.encoder", "video.bitrate") {
		d.fail(path+table, `is for pictures that are encoded here, and encoder is "passthrough": remove it, or set encoder to "auto"`)
		return
	}
	if !d.good(path+table, "min", "start", "max") || !d.good(path, "video.bitrate_ceiling") {
		return
	}
	switch {
	case b.Min > b.Max:
		d.fail(path+table+".min", "got %s, expected at most max, which is %s: lower min or raise max", b.Min, b.Max)
	case b.Start < b.Min:
		d.fail(path+table+".start", "got %s, expected at least min, which is %s: raise start or remove it", b.Start, b.Min)
	case b.Start > b.Max:
		d.fail(path+table+".start", "got %s, expected at most max, which is %s: lower start or remove it", b.Start, b.Max)
	}
	if b.Max > v.BitrateCeiling {
		d.fail(path+table+".max", "got %s, expected at most bitrate_ceiling, which is %s: lower max, or remove bitrate_ceiling", b.Max, v.BitrateCeiling)
	}
}

// validatePrimary refuses a second primary destination.
func (d *decoder) validatePrimary(path string, s Stream) {
	first := ""
	for _, name := range s.DestinationNames() {
		switch {
		case !s.Destinations[name].Primary:
		case first == "":
			first = name
		default:
			d.fail(path+".destinations."+name+".primary", "%s is the primary destination already, expected one at most: remove it from one of the two", first)
		}
	}
}

// validateDevice refuses a capture device that another stream has: there it would
// be in use for ever. captured are the streams by their devices.
func (d *decoder) validateDevice(path, name string, in Input, captured map[string]string) {
	if in.Kind != "capture" || !d.good(path, "input.kind", "input.device") {
		return
	}
	if other, taken := captured[in.Device]; taken {
		d.fail(path+".input.device", "%s is what stream %s captures from, expected another device: encoderd -probe lists them", quote(in.Device), other)
		return
	}
	captured[in.Device] = name
}

// validateFormat checks what the range of a key cannot say: zero stands for
// the default, and what lies between it and the least is an error.
func (d *decoder) validateFormat(path string, in Input) {
	const leastSide = 16
	for i, key := range []string{"width", "height"} {
		side := []int{in.Width, in.Height}[i]
		if side > 0 && side < leastSide && d.good(path, key) {
			d.fail(path+"."+key, "got %d, expected an even number from %d to 4096, or 0 for the default", side, leastSide)
		}
	}
	if in.Kind == "capture" && (in.Width == 0) != (in.Height == 0) && d.good(path, "width", "height") {
		key, other := "width", "height"
		if in.Width != 0 {
			key, other = other, key
		}
		d.fail(path+"."+key, "missing: %s is set, expected both or neither", other)
	}
	least := 1
	if in.Kind == "pattern" {
		least = 2 // its flash is one picture in a second
	}
	if r := in.FrameRate; r != (FrameRate{}) && r.Rational().Float() < float64(least) && d.good(path, "frame_rate") {
		d.fail(path+".frame_rate", `got %s, expected a frame rate from %d to 120, such as "30", or 0 for the default`, r, least)
	}
}

func (d *decoder) validateTiming(path string, s Stream) {
	segment := s.Segment.Duration
	if d.explicit[path+".video.gop"] && s.HLS.Enabled && s.Video.Encoder != "passthrough" &&
		d.good(path, "segment.duration", "video.gop") && s.Video.GOP > 0 && segment%s.Video.GOP != 0 {
		d.fail(path+".video.gop", "got %s, expected a whole fraction of segment.duration, which is %s, such as %s",
			s.Video.GOP, segment, nearestFraction(segment, s.Video.GOP))
	}
	if !d.good(path, "segment.duration", "segment.window") || segment <= 0 {
		return
	}
	w := s.Segment.Window
	switch n := w.Count(segment); {
	case w.Segments == 0 && w.Duration < minSegments*segment:
		d.fail(path+".segment.window", "got %s, expected at least %d segments of %s: %s", w, minSegments, segment, minSegments*segment)
	case n < minSegments || n > maxSegments:
		d.fail(path+".segment.window", "got %d segments, expected %d to %d", n, minSegments, maxSegments)
	}
}

// nearestFraction is the longest whole fraction of d that is not longer than g.
func nearestFraction(d, g Duration) Duration {
	for n := (d + g - 1) / g; n <= 100; n++ {
		if d%n == 0 && (d/n)%Duration(time.Millisecond) == 0 {
			return d / n
		}
	}
	return d
}

func (d *decoder) validateDestination(path, name string, dest Destination, rules Rules) {
	if dest.RetryTimeout > dest.RetryMax && d.good(path, "retry_timeout", "retry_max") {
		key, other, bound := "retry_timeout", "retry_max", dest.RetryMax
		if d.explicit[path+".retry_max"] && !d.explicit[path+".retry_timeout"] {
			d.fail(path+".retry_max", "got %s, expected at least retry_timeout, which is %s", dest.RetryMax, dest.RetryTimeout)
		} else {
			d.fail(path+"."+key, "got %s, expected at most %s, which is %s", dest.RetryTimeout, other, bound)
		}
	}
	dest, ok := d.validateAddress(path, dest, rules)
	if !ok || !d.good(path, "passphrase", "authorization", "headers") {
		return
	}
	u, err := dest.URL.URL()
	example := `, such as "rtmp://host/app/key"`
	switch {
	case err != nil:
		d.fail(path+".url", "not a URL (it is not shown, since it may hold a secret), expected scheme://host/…%s", example)
		return
	case u.Scheme == "" || u.Opaque != "":
		d.fail(path+".url", "no scheme://, expected one of %s%s", schemeList(rules.Schemes), example)
		return
	case len(rules.Schemes) > 0 && !slices.Contains(rules.Schemes, u.Scheme):
		hint := ""
		if s := suggest(u.Scheme, rules.Schemes); s != "" {
			hint = fmt.Sprintf("; did you mean %s://?", s)
		}
		d.fail(path+".url", "unknown scheme %s, expected one of %s%s", quote(u.Scheme), schemeList(rules.Schemes), hint)
		return
	case u.Hostname() == "" && u.Scheme != "srt": // which can listen
		d.fail(path+".url", "no host, expected %s://host/…", u.Scheme)
		return
	case !validPort(u):
		d.fail(path+".url", "port %s, expected 1 to 65535", quote(u.Port()))
		return
	}
	d.validateOptions(path, dest, u.Scheme, rules)
	if rules.Check == nil || !d.good(path, "passphrase", "latency", "tls_ca") {
		return
	}
	if err := rules.Check(name, dest); err != nil {
		d.fail(path, "%s", dest.conceal(err.Error()))
	}
}

// validateKept checks what is kept at storage.path.
func (d *decoder) validateKept(path string, s Stream, storage Storage, rules Rules) {
	if !d.good("storage", "path") {
		return
	}
	needs := func(key, what string) {
		if storage.Path == "" && d.good(path, key) {
			d.fail(path+"."+key, "%s needs a disk, but storage.path is empty: set it to a folder, such as \"/media/usb\"", what)
		}
	}
	if s.TimeShift.Depth > 0 {
		needs("time_shift.depth", "time shift beyond the live window")
	}
	r := s.Recording
	if r.Mode == "always" || r.Mode == "schedule" {
		needs("recording.mode", "recording")
	}
	switch {
	case r.Mode == "schedule" && r.Schedule == "" && d.good(path, "recording.mode", "recording.schedule"):
		d.fail(path+".recording.schedule", `missing: recording.mode "schedule" needs days and times, such as "mon-fri 08:00-18:00"`)
	case rules.Recording != nil && d.good(path, "recording.schedule", "recording.name"):
		if key, err := rules.Recording(r); err != nil {
			d.fail(path+".recording."+key, "%v", err)
		}
	}
}

func schemeList(schemes []string) string {
	if len(schemes) == 0 {
		return "rtmp://, srt://"
	}
	list := make([]string, len(schemes))
	for i, s := range schemes {
		list[i] = s + "://"
	}
	return strings.Join(list, ", ")
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.Atoi(u.Port())
	return err == nil && n >= 1 && n <= 65535
}

// checkListen checks an address to listen on.
func checkListen(s string) error {
	host, port, err := net.SplitHostPort(s)
	n, numErr := strconv.Atoi(port)
	if err != nil || numErr != nil || n < 0 || n > 65535 || strings.ContainsAny(host, " /") {
		return fmt.Errorf(`got %s, expected address:port or :port, such as ":8080" or "127.0.0.1:8080"`, quote(s))
	}
	return nil
}
