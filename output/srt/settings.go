package srt

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
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
	mode string
	// Where to go to; in listener mode where to listen, the host "" for anywhere.
	host string
	port uint16
	// What to bind to before; the zero values for the system's choice.
	localAddr netip.Addr
	localPort uint16

	streamid string // to say; in listener mode to ask for, "" for any
	muxRate  int    // bits per second, 0 for as it comes

	// options of the socket by libsrt's names, set before it connects; never an
	// empty string, which libsrt refuses
	before map[string]string
}

// read takes a target apart: srt://host:port?option=value&…, with the options
// of the configuration before those of the URL.
func read(t output.Target) (settings, error) {
	s := settings{mode: calling, before: map[string]string{
		"transtype": "live", "blocking": "1", "latency": strconv.FormatInt(DefaultLatency.Milliseconds(), 10),
	}}
	u := t.URL
	if u == nil {
		return s, errNoHost
	}
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
	if err := s.place(u); err != nil {
		return s, err
	}
	return s, s.together()
}

var errNoHost = errors.New("an SRT URL reads srt://host:port?passphrase=…&latency=200: host or port is missing " +
	"(SRT has no usual port; to wait for a caller, write srt://:9000?mode=listener)")

// place reads where to go to.
func (s *settings) place(u *url.URL) error {
	if u.Port() == "" || u.Hostname() == "" && s.mode != listening {
		return errNoHost
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || port == 0 {
		return fmt.Errorf("port %q is not a number from 1 to 65535", u.Port())
	}
	s.host, s.port = u.Hostname(), uint16(port)
	return nil
}

func (s *settings) set(name, value string) error {
	o, ok := options[name]
	if !ok {
		return fmt.Errorf("unknown SRT option %q; known are %s", name, strings.Join(slices.Sorted(maps.Keys(options)), ", "))
	}
	if value == "auto" && name != "passphrase" && name != "streamid" {
		return nil
	}
	v, err := o.parse(value)
	if err != nil {
		return fmt.Errorf("SRT option %s: %w", name, err) // never with the value of a passphrase
	}
	if v == "" {
		return nil
	}
	switch name {
	case "mode":
		s.mode = v
	case "localaddr", "adapter":
		addr, err := netip.ParseAddr(v)
		if err != nil || s.localAddr.IsValid() && s.localAddr != addr {
			return errors.New("SRT options adapter and localaddr are the same: keep one of the two")
		}
		s.localAddr = addr
	case "localport":
		port, _ := strconv.Atoi(v) // integer has seen to it
		s.localPort = uint16(port)
	case "streamid":
		s.streamid = v
	case "mux_rate":
		s.muxRate, _ = strconv.Atoi(v) // bitRate has made it
	default:
		if o.srt != "" {
			s.before[o.srt] = v
		}
	}
	return nil
}

// together checks what must fit together, and completes it.
func (s *settings) together() error {
	switch {
	case s.mode == listening && s.localPort != 0:
		return errors.New("SRT option localport: a listener's own port is that of the URL (srt://:9000?mode=listener)")
	case s.mode == listening && s.localAddr.IsValid() && s.host != "":
		return errors.New("SRT option localaddr: a listener's own address is the host of the URL: keep one of the two")
	case s.mode == rendezvous && s.streamid != "":
		return errors.New("SRT option streamid: a rendezvous has none, since neither side asks the other: remove it")
	case s.mode == rendezvous && s.localPort == 0:
		s.localPort = s.port
	}
	if s.streamid != "" && s.mode == calling {
		s.before["streamid"] = s.streamid
	}
	return s.overhead()
}

// overhead sees to it that a ceiling for retransmissions is one: libsrt looks at
// inputbw and oheadbw only with maxbw=0 (SRTO_OHEADBW).
func (s *settings) overhead() error {
	for _, name := range []string{"oheadbw", "inputbw", "mininputbw"} {
		if _, ok := s.before[name]; !ok {
			continue
		}
		if most, ok := s.before["maxbw"]; ok && most != "0" {
			return fmt.Errorf("SRT option %s has no effect with maxbw=%s: leave maxbw out, or 0", name, most)
		}
		s.before["maxbw"] = "0"
	}
	return nil
}

// encrypted says that a passphrase is set.
func (s settings) encrypted() bool { return s.before["passphrase"] != "" }

// local is what to bind to before going to an address of remote's family; not
// valid when the system may choose.
func (s settings) local(remote netip.Addr) netip.AddrPort {
	addr := s.localAddr
	switch {
	case !addr.IsValid() && s.localPort == 0:
		return netip.AddrPort{}
	case !addr.IsValid() && remote.Unmap().Is4():
		addr = netip.IPv4Unspecified()
	case !addr.IsValid():
		addr = netip.IPv6Unspecified()
	}
	return netip.AddrPortFrom(addr, s.localPort)
}

// Check says what is wrong with a target before any connection is made.
func Check(t output.Target) error {
	_, err := read(t)
	return err
}

func (s settings) address() string { return net.JoinHostPort(s.host, strconv.Itoa(int(s.port))) }
