// Package config is the box's configuration: its Go types, which are also its
// schema (defaults, ranges and help stand in the struct tags), and everything
// that reads, checks, changes and saves it.
//
// A Config that Parse, Load or MergePatch returned is canonical: every default
// is filled in, also those that derive from other values, so that equal specs
// mean equal behaviour. Which keys were written down and which were defaults is
// remembered, so that saving writes no more than a person wrote.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
)

// Config is the configuration of the whole box. Treat one that is shared as
// immutable; Clone it to change it.
type Config struct {
	HTTP    HTTP              `toml:"http" help:"The one HTTP server: page, API, HLS."`
	Log     Log               `toml:"log" help:"What the daemon logs, on standard error."`
	Storage Storage           `toml:"storage" help:"Where the box keeps what it makes."`
	Board   Board             `toml:"board" help:"The hardware that the daemon runs on."`
	Network Network           `toml:"network" help:"How the box is on the network."`
	Console Console           `toml:"console" help:"The serial console, for people and for programs."`
	Streams map[string]Stream `toml:"streams" help:"One programme each: an input, its encoding, and its ways out."`

	file     string          // where it was read from; "" when nowhere
	explicit map[string]bool // paths of the keys that are written down; never changed once set
}

// HTTP is the server on the LAN.
type HTTP struct {
	Listen string `toml:"listen" default:":8080" check:"listen" help:"Address and port to listen on. A port alone means all addresses."`
}

// Log is the daemon's log.
type Log struct {
	Level  string `toml:"level" default:"info" enum:"debug|info|warn|error" help:"The least severe lines that are logged."`
	Format string `toml:"format" default:"text" enum:"text|json" help:"Notation of a line."`
}

// Storage says where files go.
type Storage struct {
	Live  string `toml:"live" help:"Folder of the live window (segments and playlists), on a memory file system: flash wears out. Empty: $RUNTIME_DIRECTORY, else /run/encoderbox, else $XDG_RUNTIME_DIR/encoderbox, else a folder of the user's own among the temporary files."`
	State string `toml:"state" help:"Folder of the little that must survive a reboot: the flight recorder, and how far each destination has been served. Empty: $STATE_DIRECTORY, else /var/lib/encoderbox, else $XDG_STATE_HOME/encoderbox, else .local/state/encoderbox in the user's home."`

	Path         string   `toml:"path" help:"Folder of recordings, time shift and what waits for destinations, on an SD card, USB disk or eMMC partition. Empty: none of these, nothing is written to flash. A stream's files are in a folder of its name."`
	RequireMount bool     `toml:"require_mount" derived:"true for a path below /media, /mnt or /run/media" help:"Write only while path is not on the root file system: a disk that is not there must not fill it."`
	MaxBytes     Size     `toml:"max_bytes" default:"0" min:"0" max:"1024TiB" unit:"bytes; 0: what the disk has" help:"What each stream may keep at path. Time shift goes first, oldest first; recordings only with loop."`
	MaxAge       Duration `toml:"max_age" default:"0s" min:"0s" max:"87600h" unit:"duration; 0: none" help:"How long recordings with loop are kept."`
	Reserve      Size     `toml:"reserve" default:"512MiB" min:"0" max:"1TiB" unit:"bytes" help:"Free space that is never used up at path."`
}

// Board is the hardware.
type Board struct {
	Model     string `toml:"model" default:"auto" help:"The board model, whose limits and quirks hold. auto: the one that encoderd -probe recognises; else a name from docs/hardware.md."`
	PanelPort string `toml:"panel_port" help:"Serial port of a front panel, 115200 bits per second, 8N1, such as /dev/serial/by-id/… or /dev/ttyUSB0. Empty: the board model's, if it has one. See docs/panel-protocol.md."`
	Watchdog  string `toml:"watchdog" help:"Hardware watchdog that the daemon itself feeds, such as /dev/watchdog. Empty where the service manager does (systemd's WatchdogSec is always answered). It is no longer fed once the hardware encoder does not come back by itself."`
}

// Stream is one programme.
type Stream struct {
	Default      bool                   `toml:"default" default:"false" help:"Serve this stream at /hls/ too. One stream at most; without any, the alphabetically first is the default."`
	Input        Input                  `toml:"input" help:"Where pictures and sound come from."`
	Video        Video                  `toml:"video" help:"How pictures are encoded."`
	Audio        Audio                  `toml:"audio" help:"How sound is encoded."`
	Segment      Segment                `toml:"segment" help:"How the programme is cut into CMAF segments."`
	HLS          HLS                    `toml:"hls" help:"Serving the segments on the LAN as HLS."`
	DASH         DASH                   `toml:"dash" help:"Serving the same segments as DASH."`
	TimeShift    TimeShift              `toml:"time_shift" help:"How far back viewers can go."`
	Recording    Recording              `toml:"recording" help:"Keeping the programme in files, at storage.path."`
	Destinations map[string]Destination `toml:"destinations" help:"Pushes to remote receivers. The URL's scheme chooses the protocol."`
	Groups       map[string]Group       `toml:"groups" help:"Destinations that depend on each other: together or not at all, or one as another's backup."`
}

// Input is a stream's source. It is comparable.
type Input struct {
	Kind        string    `toml:"kind" default:"pattern" enum:"pattern|file|capture" help:"The kind of source: a moving test pattern with sound, a media file, or a capture device (HDMI bridge, USB grabber, camera)."`
	Path        string    `toml:"path" help:"For kind file: MP4, MPEG-TS or Y4M, relative to the configuration file's folder."`
	AudioPath   string    `toml:"audio_path" help:"For kind file: a WAV file with the sound of a Y4M file."`
	Loop        bool      `toml:"loop" default:"true" help:"For kind file: start again at the end, without a jump in time."`
	Device      string    `toml:"device" default:"auto" help:"For kind capture: the device. auto: an HDMI bridge, else a USB grabber, else what there is. Or /dev/video0, usb:1-1.4 (a USB port), a driver's or a card's name; encoderd -probe lists them. It is found again when it comes back under another number."`
	AudioDevice string    `toml:"audio_device" default:"auto" help:"For kind capture: the sound card. auto: the one that belongs to the video device; none; or hw:1,0, or a card's name."`
	OnChange    string    `toml:"on_change" default:"fixed" enum:"fixed|follow" help:"For kind capture, when the input changes its size or rate. fixed: the stream keeps its own, pictures are scaled; follow: the stream changes with it, which starts a new track."`
	EDID        string    `toml:"edid" default:"auto" help:"For kind capture: what an HDMI source is told that it may send. auto: the board model's; none: leave the device's alone; or a file of 128 or 256 bytes, relative to the configuration file's folder."`
	Width       int       `toml:"width" derived:"pattern: 1280; capture: as it comes" min:"0" max:"4096" unit:"pixels, even; 0: the default" check:"even" help:"For kinds pattern and capture: width of the picture, 16 or more."`
	Height      int       `toml:"height" derived:"pattern: 720; capture: as it comes" min:"0" max:"4096" unit:"pixels, even; 0: the default" check:"even" help:"For kinds pattern and capture: height of the picture, 16 or more."`
	FrameRate   FrameRate `toml:"frame_rate" derived:"pattern: 30; capture: as it comes" min:"0" max:"120" unit:"frames per second; 0: the default" help:"For kinds pattern (2 or more) and capture (1 or more): whole (30), a fraction (30000/1001) or its usual short form (29.97)."`
}

// Video says how a stream's pictures are encoded. It is comparable.
type Video struct {
	Encoder string `toml:"encoder" default:"auto" enum:"auto|hardware|software|passthrough" help:"The encoder. auto: passthrough where the input is already encoded, else the hardware's, else software."`
	// Written as one value, it is its Max.
	Bitrate        VideoBitrate `toml:"bitrate" short:"max" help:"Between which bounds the bit rate of the pictures follows what the links to the destinations carry. bitrate = \"4M\" is short for the table with that max. All of it changes live. Not for passthrough."`
	BitrateCeiling Bitrate      `toml:"bitrate_ceiling" was:"max_bitrate" derived:"the smallest of 10M, 20M, 50M and 100M (the bounds of H.264 levels 3, 4, 4.1 and up) that holds bitrate.max" min:"64k" max:"100M" unit:"bits per second" help:"The highest value that bitrate.max can take while the encoder runs. Changing it restarts the encoder."`
	GOP            Duration     `toml:"gop" derived:"segment.duration" min:"100ms" max:"10s" unit:"duration" help:"Time from one key picture to the next. A segment holds a whole number of them. Not for passthrough."`
}

// VideoBitrate says which bit rates a stream's pictures may have, and who decides
// where in between. It is comparable.
type VideoBitrate struct {
	Min    Bitrate `toml:"min" derived:"a tenth of max, and 150k or more" min:"64k" max:"100M" unit:"bits per second" help:"The least bit rate. Where a link carries less, the stream goes on with fewer pictures, then with smaller ones, then with sound alone."`
	Start  Bitrate `toml:"start" derived:"half of max, and min or more" min:"64k" max:"100M" unit:"bits per second" help:"The bit rate with which the first destination begins whose link is not known yet. Without a connected destination it is max."`
	Max    Bitrate `toml:"max" default:"2.5M" min:"64k" max:"100M" unit:"bits per second" help:"The highest bit rate: what the pictures get when every link carries it."`
	Mode   string  `toml:"mode" default:"adaptive" enum:"adaptive|fixed" help:"adaptive: the bit rate follows what the links carry, within a second down and some seconds up; fixed: it is max, whatever the links carry. The primary destination, or the only one connected, then gets as many pictures as its link takes, up to the next key picture each time; another is left sound alone when its link was too slow for seconds, and tried again."`
	Policy string  `toml:"policy" default:"protect-primary" enum:"protect-primary|protect-all|best-for-most" help:"Which destination decides, of several. protect-primary: the primary one, the others leave pictures out where their links carry less; protect-all: the one with the slowest link; best-for-most: the bit rate of which all of them together get most."`
}

// Audio says how a stream's sound is encoded. It is comparable.
type Audio struct {
	Mode    string  `toml:"mode" default:"auto" enum:"auto|input|silence|off" help:"What is heard. auto: the input's sound, or silence where it has none (many platforms demand sound); input: only the input's; silence: always silence; off: no audio track."`
	Bitrate Bitrate `toml:"bitrate" default:"128k" min:"32k" max:"320k" unit:"bits per second" help:"Bit rate of the AAC encoder. Sound that is already encoded passes through."`
}

// Segment says how a stream is cut. It is comparable.
type Segment struct {
	Duration    Duration `toml:"duration" default:"2s" min:"500ms" max:"10s" unit:"duration" help:"Target duration of a segment, which is cut at a key picture."`
	EpochLocked bool     `toml:"epoch_locked" default:"false" help:"Cut at multiples of duration since 1970-01-01 UTC and name segments by their number since then, so that two boxes on one signal are one redundant encoder for a CDN. Both need the same duration and clocks set by NTP or PTP."`
	Window      Window   `toml:"window" default:"6" unit:"segments, or a duration" help:"How much the live playlist offers: a number of segments (at least 3) or a time (at least 3 segments long)."`
	Grace       Duration `toml:"grace" derived:"the window and one segment, as RFC 8216 section 6.2.2 asks" min:"0s" max:"10m" unit:"duration" help:"How long a segment can still be fetched after it left the playlist."`
}

// HLS says whether a stream is served. It is comparable.
type HLS struct {
	Enabled bool `toml:"enabled" default:"true" help:"Serve HLS at /hls/NAME/index.m3u8."`
}

// DASH says whether a stream is served. It is comparable.
type DASH struct {
	Enabled bool `toml:"enabled" default:"true" help:"Serve DASH at /dash/NAME/manifest.mpd."`
}

// TimeShift says what is kept for viewers. It is comparable.
type TimeShift struct {
	Depth Duration `toml:"depth" default:"0s" min:"0s" max:"8760h" unit:"duration; 0: the live window alone" help:"How far back viewers can go: so much is kept at storage.path, which writes the whole programme to it all the time."`
}

// Recording says what is kept in files. It is comparable.
type Recording struct {
	Mode         string   `toml:"mode" default:"manual" enum:"off|manual|always|schedule" help:"When to record. manual: by command (page, API); always; schedule: at the times of schedule, and by command. off: not even by command."`
	Schedule     string   `toml:"schedule" help:"For mode schedule: days and times by the box's clock, such as \"mon-fri 08:00-18:00, sat 22:00-02:00\"."`
	Name         string   `toml:"name" default:"{stream}_{date}_{time}_{label}_{part}" help:"Name of a file, without its extension: {stream}, {date}, {time}, {part}, {label} and {host} are filled in."`
	FileDuration Duration `toml:"file_duration" default:"10m" min:"10s" max:"24h" unit:"duration" help:"A new file begins after this time, at the end of a segment. Nothing is lost between files."`
	Loop         bool     `toml:"loop" default:"false" help:"Delete the oldest recordings when space runs out or they are older than storage.max_age. Without it, recording stops with an alarm."`
}

// File is where the configuration was read from, "" for one that was not.
func (c *Config) File() string { return c.file }

// Path resolves a file name of the configuration: relative ones are relative
// to the folder of the configuration file, or to the working folder without one.
func (c *Config) Path(name string) string {
	if name == "" || filepath.IsAbs(name) || c.file == "" {
		return name
	}
	return filepath.Join(filepath.Dir(c.file), name)
}

// StreamNames are the names of the streams, sorted.
func (c *Config) StreamNames() []string { return slices.Sorted(maps.Keys(c.Streams)) }

// DefaultStream is the name of the stream served at the short addresses: the
// one marked, or the alphabetically first; "" when there is none.
func (c *Config) DefaultStream() string {
	names := c.StreamNames()
	for _, n := range names {
		if c.Streams[n].Default {
			return n
		}
	}
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// DestinationNames are the names of the stream's destinations, sorted.
func (s Stream) DestinationNames() []string { return slices.Sorted(maps.Keys(s.Destinations)) }

// Clone is a copy that shares nothing that can be changed.
func (c *Config) Clone() *Config {
	n := *c
	n.Network = c.Network.Clone()
	n.Streams = make(map[string]Stream, len(c.Streams))
	for name, s := range c.Streams {
		d := make(map[string]Destination, len(s.Destinations))
		maps.Copy(d, s.Destinations)
		s.Destinations = d
		s.Groups = maps.Clone(s.Groups)
		n.Streams[name] = s
	}
	return &n
}

// Equal says whether both configure the same. Where a value came from, the
// file or a default, makes no difference.
func (c *Config) Equal(o *Config) bool {
	return c.HTTP == o.HTTP && c.Log == o.Log && c.Storage == o.Storage && c.Board == o.Board &&
		c.Network.Equal(o.Network) && c.Console == o.Console &&
		maps.EqualFunc(c.Streams, o.Streams, Stream.Equal)
}

// Equal says whether both configure the same.
func (s Stream) Equal(o Stream) bool {
	if !maps.Equal(s.Destinations, o.Destinations) || !maps.Equal(s.Groups, o.Groups) {
		return false
	}
	s.Destinations, o.Destinations, s.Groups, o.Groups = nil, nil, nil, nil
	return reflect.DeepEqual(s, o)
}

// Load reads and checks a configuration file. Its error is an Errors with all
// that is wrong, or the reason why the file could not be read.
func Load(file string, rules Rules) (*Config, error) {
	doc, err := os.ReadFile(file)
	if err != nil {
		return nil, readError(file, err)
	}
	return Parse(file, doc, rules)
}

// readError says what to do about a file that could not be read.
func readError(file string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	advice := "give the path of a configuration file"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		advice += ", for a first one see the folder examples"
	case errors.Is(err, fs.ErrPermission):
		advice = "let the user that encoderd runs as read it"
	}
	return fmt.Errorf("%s: %w; %s", file, err, advice)
}

// Parse reads and checks a configuration. file is its name for errors and for
// relative paths; it is not opened.
func Parse(file string, doc []byte, rules Rules) (*Config, error) {
	root, err := parseTree(file, doc)
	if err != nil {
		return nil, err
	}
	return decode(file, root, rules)
}

// Default is the configuration of an empty file. It has no streams yet, which
// Parse would refuse.
func Default() *Config {
	c, _ := build("", newTable())
	return c
}

// DefaultStreamConfig is a stream as an empty table configures it.
func DefaultStreamConfig() Stream {
	root := newTable()
	root.put("streams", newTable()).put("main", newTable())
	c, _ := build("", root)
	return c.Streams["main"]
}
