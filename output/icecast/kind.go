// Package icecast sends a programme's sound to internet radio servers: to Icecast 2
// by HTTP PUT (icecast+http, icecast+https), and to SHOUTcast v1 and what speaks
// like it by the ICY source protocol (shoutcast). AAC goes in ADTS, MP3 as it is,
// Opus in Ogg (RFC 7845).
package icecast

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// Kind is an Icecast 2 source.
var Kind = output.Kind{
	Name: "icecast", Title: "Icecast 2 source, sound alone", Direction: output.Push,
	Schemes: []string{"icecast+http", "icecast+https"}, Transports: []string{"http", "tls"},
	Codecs: []media.Codec{media.AAC, media.MP3, media.Opus},
	Check:  Check, Dial: Dial, Takes: Takes,
}

// KindShoutcast is a SHOUTcast v1 source.
var KindShoutcast = output.Kind{
	Name: "shoutcast", Title: "SHOUTcast source, sound alone", Direction: output.Push,
	Schemes: []string{"shoutcast"}, Transports: []string{"tcp"},
	Codecs: []media.Codec{media.AAC, media.MP3},
	Check:  Check, Dial: Dial, Takes: Takes,
}

// codecs are the values of the option audio_codec.
var codecs = map[string]media.Codec{"": media.AAC, "aac": media.AAC, "mp3": media.MP3, "opus": media.Opus}

// Takes implements output.Kind: the one codec that audio_codec names.
func Takes(t output.Target) []media.Codec {
	if c, ok := codecs[t.Options["audio_codec"]]; ok {
		return []media.Codec{c}
	}
	return []media.Codec{media.AAC} // Check has refused the others
}

// Check says what is wrong with a target.
func Check(t output.Target) error {
	if t.URL == nil || t.URL.Hostname() == "" {
		return errors.New("the URL has no host: write icecast+https://:PASSWORD@HOST:PORT/MOUNT or shoutcast://:PASSWORD@HOST:PORT")
	}
	codec, ok := codecs[t.Options["audio_codec"]]
	if !ok {
		return fmt.Errorf("audio_codec %q is not known: it is \"aac\", \"mp3\" or \"opus\"", t.Options["audio_codec"])
	}
	for _, key := range []string{"station", "genre", "title"} {
		if strings.ContainsFunc(t.Options[key], unicode.IsControl) {
			return fmt.Errorf("%s: control characters are not allowed", key)
		}
		if len(t.Options[key]) > 1000 {
			return fmt.Errorf("%s: more than 1000 bytes", key)
		}
	}
	if v := t.Options["public"]; v != "" && v != "true" && v != "false" {
		return fmt.Errorf("public %q is neither \"true\" nor \"false\"", v)
	}
	if isShoutcast(t) {
		return checkShoutcast(t, codec)
	}
	if strings.Trim(t.URL.Path, "/") == "" {
		return errors.New("the URL has no mount point: write icecast+http://:PASSWORD@HOST:PORT/MOUNT")
	}
	return nil
}

func checkShoutcast(t output.Target, codec media.Codec) error {
	password, _ := t.URL.User.Password()
	switch {
	case codec == media.Opus:
		return errors.New("audio_codec \"opus\": SHOUTcast takes \"aac\" and \"mp3\"")
	case password == "":
		return errors.New("the URL has no password: write shoutcast://:PASSWORD@HOST:PORT")
	case strings.ContainsFunc(t.URL.User.Username()+password, unicode.IsControl):
		return errors.New("the URL's name or password has control characters")
	case strings.Trim(t.URL.Path, "/") != "":
		return errors.New("the URL has a path: a SHOUTcast server has no mount points, write shoutcast://:PASSWORD@HOST:PORT")
	}
	_, err := shoutcastPort(t)
	return err
}

func isShoutcast(t output.Target) bool { return strings.EqualFold(t.URL.Scheme, "shoutcast") }

// station is the name for directories and players.
func station(t output.Target) string {
	if name := t.Options["station"]; name != "" {
		return name
	}
	return t.Name
}

func public(t output.Target) string {
	if t.Options["public"] == "true" {
		return "1"
	}
	return "0"
}

// kilobits is the option audio_bitrate for a header; "" for AAC, whose rate is the
// stream's, and where it is in no usual notation.
func kilobits(t output.Target, c media.Codec) string {
	n, ok := strings.CutSuffix(t.Options["audio_bitrate"], "k")
	if c == media.AAC || !ok || n == "" || strings.Trim(n, "0123456789") != "" {
		return ""
	}
	return n
}
