package srt

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/output/mux/ts/pace"
)

// option says how one name of the URL's query or of Target.Options is read.
// The result goes to libsrt under its own name; empty values are left out.
// Units are those of SRT's own documentation (docs/API/API-socket-options.md).
type option struct {
	srt   string // libsrt's name, "" for what is not an option of a socket
	parse func(string) (string, error)
}

var options = map[string]option{
	"mode":      {"", mode},
	"localaddr": {"", address},
	"adapter":   {"", address}, // what srt-live-transmit calls it
	"localport": {"", integer(1, math.MaxUint16)},
	"streamid":  {"", length(0, maxStreamID)},
	"mux_rate":  {"", bitRate},

	"passphrase":         {"passphrase", length(10, 79)},
	"pbkeylen":           {"pbkeylen", oneOf("0", "16", "24", "32")},
	"enforcedencryption": {"enforcedencryption", oneOf("0", "1")},
	"kmrefreshrate":      {"kmrefreshrate", integer(0, 1<<30)}, // packets
	"kmpreannounce":      {"kmpreannounce", integer(0, 1<<29)}, // packets

	"latency":      {"latency", milliseconds}, // in both directions
	"rcvlatency":   {"rcvlatency", milliseconds},
	"peerlatency":  {"peerlatency", milliseconds},
	"tlpktdrop":    {"tlpktdrop", oneOf("0", "1")},
	"snddropdelay": {"snddropdelay", integer(-1, 60_000)}, // ms

	"maxbw":          {"maxbw", integer(-1, 1<<40)},     // bytes per second
	"inputbw":        {"inputbw", integer(0, 1<<40)},    // bytes per second
	"mininputbw":     {"mininputbw", integer(0, 1<<40)}, // bytes per second
	"oheadbw":        {"oheadbw", integer(5, 100)},      // percent
	"lossmaxttl":     {"lossmaxttl", integer(0, 10_000)},
	"retransmitalgo": {"retransmitalgo", oneOf("0", "1")},
	"drifttracer":    {"drifttracer", oneOf("0", "1")},
	"packetfilter":   {"packetfilter", length(0, 512)},
	"minversion":     {"minversion", version},

	"ttl":    {"ipttl", integer(1, 255)},
	"tos":    {"iptos", integer(0, 255)},
	"mss":    {"mss", integer(1400, 1500)},
	"fc":     {"fc", integer(32, 1<<20)},           // packets
	"sndbuf": {"sndbuf", integer(64<<10, 256<<20)}, // bytes

	// What others' URLs carry and holds here anyway:
	"congestion":   {"", oneOf("live")},
	"transtype":    {"", oneOf("live")},
	"messageapi":   {"", oneOf("1")},
	"pkt_size":     {"", oneOf(strconv.Itoa(messageSize))},
	"payload_size": {"", oneOf(strconv.Itoa(messageSize))},
	"payloadsize":  {"", oneOf(strconv.Itoa(messageSize))},
}

// maxStreamID is libsrt's limit in bytes.
const maxStreamID = 512

// The modes of a connection.
const (
	calling    = "caller"
	listening  = "listener"
	rendezvous = "rendezvous"
)

// mode takes the names of srt-live-transmit and ffmpeg.
func mode(v string) (string, error) {
	switch v {
	case "", calling, "client":
		return calling, nil
	case listening, "server":
		return listening, nil
	case rendezvous:
		return rendezvous, nil
	}
	return "", fmt.Errorf("%q is not caller, listener or rendezvous", v)
}

func address(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	ip, err := netip.ParseAddr(v)
	if err != nil {
		return "", fmt.Errorf("%q is not an IP address of this box", v)
	}
	return ip.Unmap().String(), nil
}

// version takes "1.4.2" or libsrt's number, 0x010402.
func version(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	if n, err := strconv.ParseUint(v, 0, 24); err == nil && !strings.Contains(v, ".") {
		return strconv.FormatUint(n, 10), nil
	}
	parts := strings.Split(v, ".")
	var n uint64
	for _, part := range parts {
		p, err := strconv.ParseUint(part, 10, 8)
		if err != nil || len(parts) != 3 {
			return "", fmt.Errorf("%q is not a version such as 1.3.0", v)
		}
		n = n<<8 | p
	}
	return strconv.FormatUint(n, 10), nil
}

// milliseconds takes "200", as libsrt's tools do, or "200ms", "1.5s".
func milliseconds(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	d, err := time.ParseDuration(v)
	if n, numeric := strconv.Atoi(v); numeric == nil {
		d, err = time.Duration(min(n, math.MaxInt32))*time.Millisecond, nil
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("%q is no time: write milliseconds (200) or a unit (200ms, 1s)", v)
	case d < 0, d > maxLatency:
		return "", fmt.Errorf("%v is not between 0 and %v: a plain number is milliseconds here (ffmpeg counts microseconds)", d, maxLatency)
	}
	return strconv.FormatInt(d.Milliseconds(), 10), nil
}

// bitRate is read as for every kind that has a constant rate.
func bitRate(v string) (string, error) {
	rate, err := pace.Rate(map[string]string{"mux_rate": v})
	return strconv.Itoa(rate), err
}

func length(least, most int) func(string) (string, error) {
	return func(v string) (string, error) {
		switch {
		case len(v) < least && v != "" || len(v) > most:
			return "", fmt.Errorf("it has %d characters, not %d to %d", len(v), least, most)
		case strings.ContainsRune(v, 0):
			return "", errors.New("it holds a zero byte")
		}
		return v, nil
	}
}

func integer(least, most int64) func(string) (string, error) {
	return func(v string) (string, error) {
		if v == "" {
			return "", nil
		}
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < least || n > most {
			return "", fmt.Errorf("%q is not a number from %d to %d", v, least, most)
		}
		return v, nil
	}
}

func oneOf(values ...string) func(string) (string, error) {
	return func(v string) (string, error) {
		if v != "" && !slices.Contains(values, v) {
			return "", fmt.Errorf("%q is not %s", v, strings.Join(values, " or "))
		}
		return v, nil
	}
}
