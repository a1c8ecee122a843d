package srt

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// DefaultLatency is how long a lost packet may be repaired; the larger of both
// sides' holds. Over the internet four round trips are a good measure.
const DefaultLatency = 200 * time.Millisecond

const maxLatency = time.Minute

// settings are a target taken apart.
type settings struct {
	host    string
	port    uint16
	latency time.Duration
	// options of the socket by srtgo's names; never an empty string, which
	// libsrt refuses
	before map[string]string // set before connecting
}

// option says how one name of the URL's query or of Target.Options is read.
// The result goes to libsrt under its own name; empty values are left out.
type option struct {
	srt   string // libsrt's name, "" for what is checked only
	parse func(string) (string, error)
}

var options = map[string]option{
	"latency":            {"latency", milliseconds},
	"passphrase":         {"passphrase", length(10, 79)},
	"pbkeylen":           {"pbkeylen", oneOf("0", "16", "24", "32")},
	"streamid":           {"streamid", length(0, 512)},
	"maxbw":              {"maxbw", integer(-1, 1<<40)},
	"inputbw":            {"inputbw", integer(0, 1<<40)},
	"oheadbw":            {"oheadbw", integer(5, 100)},
	"ttl":                {"ipttl", integer(1, 255)},
	"tos":                {"iptos", integer(0, 255)},
	"mss":                {"mss", integer(1400, 1500)},
	"packetfilter":       {"packetfilter", length(0, 512)},
	"enforcedencryption": {"enforcedencryption", oneOf("0", "1")},
	"tlpktdrop":          {"tlpktdrop", oneOf("0", "1")},
	"snddropdelay":       {"snddropdelay", integer(-1, 60_000)},

	// What others' URLs carry and holds here anyway:
	"mode":      {"", caller},
	"transtype": {"", oneOf("live")},
	"pkt_size":  {"", oneOf("1316")},
}

// read takes a target apart: srt://host:port?option=value&…, with the options
// of the configuration before those of the URL.
func read(t output.Target) (settings, error) {
	s := settings{latency: DefaultLatency, before: map[string]string{"transtype": "live", "blocking": "1"}}
	u := t.URL
	if u == nil || u.Hostname() == "" || u.Port() == "" {
		return s, errors.New("an SRT URL reads srt://host:port?passphrase=…&latency=200: host or port is missing (SRT has no usual port)")
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || port == 0 {
		return s, fmt.Errorf("port %q is not a number from 1 to 65535", u.Port())
	}
	s.host, s.port = u.Hostname(), uint16(port)
	if u.User != nil {
		return s, errors.New("SRT has no user name: use passphrase=… or streamid=… instead of what is before the @")
	}
	if strings.Trim(u.Path, "/") != "" {
		return s, fmt.Errorf("SRT has no path: a stream is named by streamid=… behind a question mark, not by %q", u.Path)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return s, errors.New("the options behind the question mark are malformed: write % as %25, & as %26")
	}
	given := map[string]string{}
	for name, values := range query {
		given[name] = values[len(values)-1]
	}
	maps.Copy(given, t.Options)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if err := s.set(name, given[name]); err != nil {
			return s, err
		}
	}
	s.before["latency"] = strconv.FormatInt(s.latency.Milliseconds(), 10)
	return s, nil
}

func (s *settings) set(name, value string) error {
	o, ok := options[name]
	if !ok {
		return fmt.Errorf("unknown SRT option %q; known are %s", name, strings.Join(slices.Sorted(maps.Keys(options)), ", "))
	}
	v, err := o.parse(value)
	if err != nil {
		return fmt.Errorf("SRT option %s: %w", name, err) // never with the value of a passphrase
	}
	switch {
	case name == "latency":
		ms, _ := strconv.Atoi(v) // milliseconds has made it
		s.latency = time.Duration(ms) * time.Millisecond
	case o.srt != "" && v != "":
		s.before[o.srt] = v
	}
	return nil
}

// milliseconds takes "200", as libsrt's tools do, or "200ms", "1.5s".
func milliseconds(v string) (string, error) {
	d, err := time.ParseDuration(v)
	if n, numeric := strconv.Atoi(v); numeric == nil {
		d, err = time.Duration(n)*time.Millisecond, nil
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("%q is no time: write milliseconds (200) or a unit (200ms, 1s)", v)
	case d < 0, d > maxLatency:
		return "", fmt.Errorf("%v is not between 0 and %v: a plain number is milliseconds here (ffmpeg counts microseconds)", d, maxLatency)
	}
	return strconv.FormatInt(d.Milliseconds(), 10), nil
}

func length(least, most int) func(string) (string, error) {
	return func(v string) (string, error) {
		if len(v) < least && v != "" || len(v) > most {
			return "", fmt.Errorf("it has %d characters, not %d to %d", len(v), least, most)
		}
		return v, nil
	}
}

func integer(least, most int64) func(string) (string, error) {
	return func(v string) (string, error) {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < least || n > most {
			return "", fmt.Errorf("%q is not a number from %d to %d", v, least, most)
		}
		return v, nil
	}
}

func oneOf(values ...string) func(string) (string, error) {
	return func(v string) (string, error) {
		if !slices.Contains(values, v) {
			return "", fmt.Errorf("%q is not %s", v, strings.Join(values, " or "))
		}
		return v, nil
	}
}

func caller(v string) (string, error) {
	if v != "caller" {
		return "", fmt.Errorf("mode %q is not available yet: the box calls, so the other side has to listen (mode=caller)", v)
	}
	return "", nil
}

// Check says what is wrong with a target before any connection is made.
func Check(t output.Target) error {
	_, err := read(t)
	return err
}

func (s settings) address() string { return net.JoinHostPort(s.host, strconv.Itoa(int(s.port))) }
