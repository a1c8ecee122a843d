// Package preset is what is known of streaming platforms and servers, as data: the
// address that a stream key belongs to, the options that differ from the usual, and
// what the platform asks of a stream. Adding one is adding an entry to a table; the
// package's test says what an entry must have.
package preset

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// Preset is one platform or server product.
type Preset struct {
	Name  string // as the configuration says it: "youtube"
	Title string // for people: "YouTube Live"
	// URL is the address with the placeholders {server} and {key}.
	URL string
	// Server is what stands for {server} where none is given; "" when it must be.
	Server string
	// ServerHelp says what to give as server: "host, or host:port/application".
	ServerHelp string
	// KeyHelp says where the key is found.
	KeyHelp string
	// Options are keys of a destination's configuration that differ from the usual.
	Options map[string]string
	Limits  Limits
	// Source is the page of the platform's documentation that this was taken from.
	Source string
}

// Limits are what a platform asks of a stream; zero fields ask nothing.
type Limits struct {
	VideoBitrate int // bits per second, at most
	AudioBitrate int // bits per second, at most
	KeyInterval  time.Duration
	Height       int // luma rows, at most
	FrameRate    int // pictures per second, at most
	NeedsAudio   bool
}

// ByName finds a preset.
func ByName(name string) (p Preset, ok bool) {
	for _, p := range All() {
		if p.Name == name {
			return p, true
		}
	}
	return Preset{}, false
}

// Names of all presets, in the order of All.
func Names() (names []string) {
	for _, p := range All() {
		names = append(names, p.Name)
	}
	return names
}

// Resolve is the address that a preset makes of a server and a key. Its errors
// never show the key.
func (p Preset) Resolve(server, key string) (string, error) {
	needsKey, needsServer := strings.Contains(p.URL, "{key}"), strings.Contains(p.URL, "{server}")
	if server == "" {
		server = p.Server
	}
	switch {
	case needsServer && server == "":
		return "", fmt.Errorf("preset %s needs server: %s", p.Name, p.ServerHelp)
	case !needsServer && server != "":
		return "", fmt.Errorf("preset %s has its own server: remove server", p.Name)
	case needsKey && key == "":
		return "", fmt.Errorf("preset %s needs key: %s", p.Name, p.KeyHelp)
	case !needsKey && key != "":
		return "", fmt.Errorf("preset %s has no key: remove key", p.Name)
	case strings.Contains(server, "://"):
		return "", errors.New("server is a host, without rtmp:// or the like before it")
	case strings.ContainsAny(server, " \t\n@?#"):
		return "", errors.New("server is not HOST, HOST:PORT or HOST/PATH")
	case strings.Contains(p.URL, "{key}@") && !strings.Contains(key, ":"):
		return "", fmt.Errorf("preset %s: key is not NAME:PASSWORD: %s", p.Name, p.KeyHelp)
	}
	server = strings.Trim(server, "/")
	if p.needsApplication() && !strings.Contains(server, "/") {
		return "", fmt.Errorf("preset %s: server has no application: %s", p.Name, p.ServerHelp)
	}
	address := strings.NewReplacer("{server}", server, "{key}", p.escape(key)).Replace(p.URL)
	if _, err := url.Parse(address); err != nil {
		return "", fmt.Errorf("preset %s: server and key make no address: has one of them a character that does not belong there?", p.Name)
	}
	return address, nil
}

// needsApplication says that the server's path is the application of an RTMP URL,
// which has that and a key.
func (p Preset) needsApplication() bool {
	return strings.HasPrefix(p.URL, "rtmp") && strings.Contains(p.URL, "{server}/{key}")
}

// escape makes a key fit where it stands: in a query everything that means
// something there is written out, in a path the characters that would end it,
// before a host those that would end a name or password.
func (p Preset) escape(key string) string {
	before, after, _ := strings.Cut(p.URL, "{key}")
	switch {
	case strings.HasPrefix(after, "@"):
		name, password, _ := strings.Cut(key, ":")
		return url.UserPassword(name, password).String()
	case strings.Contains(before, "?"):
		return url.QueryEscape(key)
	case strings.HasPrefix(p.URL, "rtmp"):
		return strings.NewReplacer("#", "%23", " ", "%20").Replace(key) // a key may have its own "?"
	}
	return strings.NewReplacer("#", "%23", " ", "%20", "?", "%3F").Replace(key)
}

// Stream is what Judge looks at; zero fields are not known.
type Stream struct {
	VideoBitrate, AudioBitrate int
	KeyInterval                time.Duration
	Video                      *media.VideoParams
	Audio                      bool
}

// Judge says, one sentence each, what of a stream the platform will not like.
func (l Limits) Judge(s Stream) (complaints []string) {
	say := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	over := func(what string, is, most int) {
		if most > 0 && is > most {
			say("%s is %s, at most %s are taken", what, bitrate(is), bitrate(most))
		}
	}
	over("the video bit rate", s.VideoBitrate, l.VideoBitrate)
	over("the audio bit rate", s.AudioBitrate, l.AudioBitrate)
	if l.KeyInterval > 0 && s.KeyInterval > l.KeyInterval {
		say("a key picture comes every %v, one every %v is wanted: set gop", s.KeyInterval, l.KeyInterval)
	}
	if v := s.Video; v != nil {
		if l.Height > 0 && v.Height > l.Height {
			say("pictures of %d rows, at most %d are taken", v.Height, l.Height)
		}
		if rate := v.FrameRate.Float(); l.FrameRate > 0 && rate > float64(l.FrameRate)+0.5 {
			say("%.4g pictures a second, at most %d are taken", rate, l.FrameRate)
		}
	}
	if l.NeedsAudio && !s.Audio {
		say("the stream has no sound, which is demanded: set audio.mode to auto or silence")
	}
	return slices.Clip(complaints)
}

func bitrate(n int) string {
	if n < 1_000_000 {
		return fmt.Sprintf("%.4g kb/s", float64(n)/1e3)
	}
	return fmt.Sprintf("%.4g Mb/s", float64(n)/1e6)
}
