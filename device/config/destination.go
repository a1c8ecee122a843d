package config

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// Destination is one push. It is comparable.
//
// The tag "for" names the kinds of output that a key is an option of, or one of
// the two classes of kinds: packets, for those that a stream's packets are pushed
// to as they come, and files, for those that segments are uploaded to.
type Destination struct {
	URL    SecretURL `toml:"url" unit:"URL" help:"Where to push; needed without preset. Never shown in full: it holds the stream key."`
	Preset string    `toml:"preset" help:"Instead of url: a platform or server product, whose address and options are known. docs/destinations.md has the list."`
	Server string    `toml:"server" help:"With preset: the server, such as \"media.example/live\". Most platforms have their own."`
	Key    Secret    `toml:"key" help:"With preset: the stream key, or what docs/destinations.md says for the preset. Never shown."`

	Enabled        bool     `toml:"enabled" default:"true" help:"Push now. false keeps the destination for later."`
	Primary        bool     `toml:"primary" default:"false" help:"The destination whose link decides on the bit rate with video.bitrate.policy protect-primary. One of a stream at most; without any, the alphabetically first that is enabled and takes pictures."`
	ConnectTimeout Duration `toml:"connect_timeout" for:"packets" default:"10s" min:"1s" max:"2m" unit:"duration" help:"How long one attempt to connect may take."`
	WriteTimeout   Duration `toml:"write_timeout" default:"5s" min:"500ms" max:"2m" unit:"duration" help:"How long a receiver may take no data before the connection is given up."`

	RetryTimeout    Duration `toml:"retry_timeout" default:"5s" min:"100ms" max:"1h" unit:"duration" help:"Longest wait before the second attempt. It grows by retry_multiplier with every failure, up to retry_max; the wait itself is drawn from zero to it, so that many boxes do not return in step."`
	RetryMultiplier int      `toml:"retry_multiplier" for:"packets" default:"2" min:"1" max:"10" help:"What the longest wait is multiplied by after each failure."`
	RetryMax        Duration `toml:"retry_max" default:"60s" min:"100ms" max:"1h" unit:"duration" help:"The longest wait between two attempts."`
	RetryLimit      int      `toml:"retry_limit" for:"packets" default:"0" min:"0" max:"1000000" unit:"attempts" help:"Failed attempts in a row after which the destination is given up. 0: never."`
	BreakerFailures int      `toml:"breaker_failures" for:"packets" default:"0" min:"0" max:"1000" unit:"attempts" help:"Failed attempts in a row after which the receiver is left alone for breaker_pause; then one attempt decides. 0: never."`
	BreakerPause    Duration `toml:"breaker_pause" for:"packets" default:"5m" min:"1s" max:"24h" unit:"duration" help:"How long a receiver is left alone."`
	Timeout         Duration `toml:"timeout" for:"packets" default:"0s" min:"0s" max:"24h" unit:"duration; 0: never" help:"When the stream has sent nothing for this long, the connection is ended, and made again when the stream is back."`
	MinBitrate      Bitrate  `toml:"min_bitrate" for:"packets" default:"0" min:"0" max:"100M" unit:"bits per second; 0: none" help:"Alarm when less than this was sent over bitrate_window."`
	BitrateWindow   Duration `toml:"bitrate_window" for:"packets" default:"10s" min:"2s" max:"10m" unit:"duration" help:"What min_bitrate is measured over."`
	QueuePackets    int      `toml:"queue_packets" for:"packets" default:"1024" min:"64" max:"65536" unit:"packets" help:"What may wait for a slow receiver. Beyond it, the queue is dropped up to the next key picture."`
	QueueBytes      Size     `toml:"queue_bytes" for:"packets" default:"8MiB" min:"256KiB" max:"256MiB" unit:"bytes" help:"The same bound in bytes; the first one reached counts."`

	Passphrase Secret   `toml:"passphrase" for:"srt" unit:"10 to 79 characters" help:"Encrypt with this passphrase. Never shown."`
	Latency    Duration `toml:"latency" for:"srt" default:"200ms" min:"20ms" max:"30s" unit:"duration" help:"How long the receiver waits for retransmissions. Four round trips or more."`

	Store      string   `toml:"store" for:"files" default:"live_first" enum:"off|live_first|in_order" help:"What happens after an outage to what could not be sent meanwhile and waits at storage.path. live_first: live goes on at once, the rest follows beside it; in_order: all in its order, live catches up; off: only what the live window still has."`
	StoreShare int      `toml:"store_share" for:"files" default:"50" min:"5" max:"95" unit:"percent" help:"With store live_first: the most of the link that the rest takes."`
	DeleteOld  bool     `toml:"delete_old" for:"files" default:"false" help:"Delete segments from the receiver when no playlist there names them any more: those of the past (dvr) do for longer than the live ones."`
	DVR        Duration `toml:"dvr" for:"files" default:"30m" min:"0s" max:"24h" unit:"duration; 0: none" help:"With store live_first: how far back the playlists of the past (dvr.m3u8, dvr.mpd) go, which have everything in order also after an outage."`

	Method        string `toml:"method" for:"hls,dash,cmaf,tshttp" default:"auto" enum:"auto|PUT|POST" help:"HTTP method of uploads. auto: PUT; POST for cmaf."`
	Authorization Secret `toml:"authorization" for:"hls,dash,cmaf,tshttp,whip" unit:"header value" help:"The Authorization header, such as \"Bearer …\"; for whip the bare token too, to which Bearer is added. Never shown."`
	Auth          string `toml:"auth" for:"hls,dash" default:"auto" enum:"auto|basic|digest" help:"What is made of name and password in the URL. auto: Basic, and Digest once the server asks for that; digest: never Basic, which anybody on the way can read without TLS."`
	VerifyUploads string `toml:"verify_uploads" for:"hls,dash" default:"auto" enum:"auto|head|off" help:"How to find out, after an answer that was lost and after a restart, what is there already. auto: HEAD, and If-None-Match where that is refused; head: HEAD alone; off: it is sent again."`
	Headers       Secret `toml:"headers" for:"hls,dash,cmaf,tshttp,whip" unit:"lines of \"Name: value\"" help:"Further HTTP headers for every request. Never shown."`

	Endpoint     string `toml:"endpoint" for:"s3" unit:"URL" help:"Server of the bucket, such as \"https://minio.example:9000\". Empty: Amazon's, by region."`
	Region       string `toml:"region" for:"s3" default:"us-east-1" help:"Region of the bucket."`
	AccessKey    Secret `toml:"access_key" for:"s3" help:"Access key ID. Never shown."`
	SecretKey    Secret `toml:"secret_key" for:"s3" help:"Secret access key. Never shown."`
	PathStyle    string `toml:"path_style" for:"s3" default:"auto" enum:"auto|true|false" help:"Address the bucket by the path, not by the host name. auto: where endpoint is set."`
	CacheControl string `toml:"cache_control" for:"s3,hls,dash" help:"Cache-Control of segments. Empty: a year, immutable. Playlists always go with no-cache: whoever keeps one has to ask whether it still holds."`
	Playlists    string `toml:"playlists" for:"s3" default:"hls" enum:"hls|dash|both" help:"Which playlists are uploaded with the segments."`

	Transport string  `toml:"transport" for:"rtsp" default:"auto" enum:"auto|tcp|udp" help:"How media travel. auto: UDP, and TCP where the server refuses it."`
	TTL       int     `toml:"ttl" for:"udp,rtp" default:"8" min:"1" max:"255" unit:"hops" help:"How far multicast datagrams may travel."`
	Interface string  `toml:"interface" for:"udp,rtp" help:"Network interface that multicast leaves by, such as \"eth0\". Empty: the system's choice."`
	MuxRate   Bitrate `toml:"mux_rate" for:"udp,rtp,srt,tshttp" default:"0" min:"0" max:"200M" unit:"bits per second; 0: as it comes" help:"Constant bit rate of the transport stream, filled up with null packets. It must be higher than video and audio together."`

	IceServer  Secret  `toml:"ice_server" for:"whip" unit:"URL" help:"STUN or TURN server, such as \"stun:stun.example:3478\" or \"turn:USER:PASSWORD@turn.example:3478\", beside those the endpoint names."`
	AudioCodec string  `toml:"audio_codec" for:"icecast,shoutcast" default:"aac" enum:"aac|mp3|opus" help:"What is sent; shoutcast takes aac and mp3."`
	AudioRate  Bitrate `toml:"audio_bitrate" for:"icecast,shoutcast,whip" default:"128k" min:"32k" max:"320k" unit:"bits per second" help:"Bit rate of sound that is encoded for this kind: Opus and MP3. AAC is the stream's."`
	Station    string  `toml:"station" for:"icecast,shoutcast" help:"The station's name in directories and players. Empty: the destination's name."`
	Genre      string  `toml:"genre" for:"icecast,shoutcast" help:"The station's genre."`
	Title      string  `toml:"title" for:"icecast,shoutcast" help:"What is on now, sent as metadata. A change makes a new connection."`
	Public     bool    `toml:"public" for:"icecast,shoutcast" default:"false" help:"List the station in public directories."`

	TLSCA string `toml:"tls_ca" help:"TLS kinds: file with the certificates (PEM) of further authorities to trust, relative to the configuration file's folder."`
}

// DefaultDestination is a destination as an empty table configures it, but for
// its URL.
func DefaultDestination() Destination {
	root := newTable()
	root.put("streams", newTable()).put("main", newTable()).put("destinations", newTable()).put("main", newTable())
	c, _ := build("", root)
	return c.Streams["main"].Destinations["main"]
}

// Options are the options of the destination's kind, by the names of their keys;
// those that are empty, and bit rates of 0, are left out, headers are "header.NAME". What the URL
// gives itself (srt://…?latency=80) is left to it.
func (dest Destination) Options(kind string, files bool) map[string]string {
	options := map[string]string{}
	query := url.Values{}
	if u, err := dest.URL.URL(); err == nil && kind == "srt" {
		query = u.Query()
	}
	v := reflect.ValueOf(dest)
	for _, f := range fieldsOf(v.Type()) {
		if !f.optionOf(kind, files) || query.Has(f.key) {
			continue
		}
		text := f.leafNode(v.Field(f.index), true).text
		if text == "" || v.Field(f.index).Type() == reflect.TypeFor[Bitrate]() && v.Field(f.index).IsZero() {
			continue
		}
		if f.key != "headers" {
			options[f.key] = text
			continue
		}
		for line := range strings.Lines(text) {
			if name, value, ok := strings.Cut(line, ":"); ok {
				options["header."+strings.TrimSpace(name)] = strings.TrimSpace(value)
			}
		}
	}
	return options
}

// With is the destination with an address and with options, by the names of their
// keys. What was changed from its default stays.
func (dest Destination) With(address string, options map[string]string) (Destination, error) {
	usual := reflect.ValueOf(DefaultDestination())
	dest.URL = NewSecretURL(address)
	v := reflect.ValueOf(&dest).Elem()
	for _, f := range fieldsOf(v.Type()) {
		text, ok := options[f.key]
		if !ok || !v.Field(f.index).Equal(usual.Field(f.index)) {
			continue
		}
		if err := setText(v.Field(f.index), text); err != nil {
			return dest, fmt.Errorf("%s: %w", f.key, err)
		}
	}
	return dest, nil
}

// validateAddress checks that there is one, and returns the destination as its preset
// makes it.
func (d *decoder) validateAddress(path string, dest Destination, rules Rules) (Destination, bool) {
	switch {
	case !d.good(path, "url", "preset", "server", "key"):
		return dest, false
	case dest.Preset == "":
		for key, set := range map[string]bool{"server": dest.Server != "", "key": !dest.Key.IsZero()} {
			if set {
				d.fail(path+"."+key, "belongs to a preset, and there is none: put it into url, or set preset")
			}
		}
		if dest.URL.IsZero() {
			d.fail(path+".url", "missing, expected a URL in quotes, such as \"rtmp://host/app/key\", or a preset")
		}
		return dest, !dest.URL.IsZero()
	case !dest.URL.IsZero():
		d.fail(path+".url", "there is a preset too, which makes the URL: remove one of the two")
		return dest, false
	case rules.Expand == nil:
		return dest, false
	}
	full, err := rules.Expand(dest)
	if err != nil {
		d.fail(path+".preset", "%s", dest.conceal(err.Error()))
		return dest, false
	}
	return full, true
}

// optionOf says that the key is an option of a kind and of few others: one that
// is in the hands of whatever runs the kind is none.
func (f *field) optionOf(kind string, files bool) bool {
	return slices.Contains(f.kinds, kind) || files && slices.Contains(f.kinds, classFiles)
}

// The classes of kinds in the tag "for".
const (
	classPackets = "packets"
	classFiles   = "files"
)

// inURL says that the URL's query has the option.
func (dest Destination) inURL(option string) bool {
	u, err := dest.URL.URL()
	return err == nil && u.Query().Has(option)
}

// validateOptions refuses keys that destinations of another kind have.
func (d *decoder) validateOptions(path string, dest Destination, scheme string, rules Rules) {
	if rules.KindOf == nil {
		return
	}
	kind, files := rules.KindOf(scheme)
	v, usual := reflect.ValueOf(dest), reflect.ValueOf(DefaultDestination())
	for _, f := range fieldsOf(v.Type()) {
		at := join(path, f.key)
		if len(f.kinds) == 0 || v.Field(f.index).Equal(usual.Field(f.index)) {
			continue // what is shown can be sent back whole
		}
		has := f.optionOf(kind, files) || !files && slices.Contains(f.kinds, classPackets)
		switch {
		case !has && slices.Contains(f.kinds, classPackets):
			d.fail(at, "is an option of destinations that take packets; %s:// ones are tried for ever and keep what waits at storage.path: remove it", scheme)
		case !has:
			d.fail(at, "is an option of %s destinations, this one is %s://: remove it", kindList(f.kinds), scheme)
		case kind == "srt" && dest.inURL(f.key):
			d.fail(at, "is given in the URL too: keep one of the two")
		}
	}
	if n := len(dest.Passphrase.Reveal()); kind == "srt" && n > 0 && (n < 10 || n > 79) {
		d.fail(path+".passphrase", "%d characters long, expected 10 to 79", n)
	}
	for line := range strings.Lines(dest.Headers.Reveal()) {
		if name, _, ok := strings.Cut(line, ":"); !ok || strings.TrimSpace(name) == "" {
			d.fail(path+".headers", "a line is not \"Name: value\" (it is not shown, since it may hold a secret)")
			break
		}
	}
}

func kindList(kinds []string) string {
	if slices.Contains(kinds, classFiles) {
		return "hls, dash and s3"
	}
	if n := len(kinds) - 1; n > 0 {
		return fmt.Sprintf("%s and %s", strings.Join(kinds[:n], ", "), kinds[n])
	}
	return kinds[0]
}

// conceal masks the destination's secrets in a text that others wrote, on one line.
func (dest Destination) conceal(text string) string {
	return strings.ReplaceAll(mask(text, dest.secrets()), "\n", " ")
}

// secrets are the texts that must not be shown: the secret values, and the parts of
// the URL that are.
func (dest Destination) secrets() []string {
	secrets := []string{dest.URL.Reveal()}
	v := reflect.ValueOf(dest)
	for _, f := range fieldsOf(v.Type()) {
		if s, ok := v.Field(f.index).Interface().(Secret); ok {
			secrets = append(secrets, s.Reveal())
		}
	}
	for line := range strings.Lines(dest.Headers.Reveal()) {
		if _, value, ok := strings.Cut(line, ":"); ok {
			secrets = append(secrets, strings.TrimSpace(value))
		}
	}
	if u, err := dest.URL.URL(); err == nil {
		secrets = append(secrets, u.RequestURI(), u.RawQuery, u.Fragment)
		if p, ok := u.User.Password(); ok {
			secrets = append(secrets, p)
		}
		for _, values := range u.Query() {
			secrets = append(secrets, values...)
		}
		if i := strings.LastIndexByte(u.Path, '/'); i > 0 {
			secrets = append(secrets, u.Path[i+1:])
		}
	}
	return secrets
}
