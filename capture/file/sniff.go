package file

import (
	"bytes"
)

type kind int

const (
	kindUnknown kind = iota
	kindMP4
	kindTS
	kindY4M
	kindWAV
)

// sniff tells the kind of file from its first kilobyte.
func sniff(b []byte) kind {
	switch {
	case bytes.HasPrefix(b, []byte(y4mMagic)):
		return kindY4M
	case len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WAVE":
		return kindWAV
	case len(b) >= 8 && topLevelBox[string(b[4:8])]:
		return kindMP4
	}
	if _, ok := tsLayout(b); ok {
		return kindTS
	}
	return kindUnknown
}

// topLevelBox are the boxes an MP4 or QuickTime file may begin with.
var topLevelBox = map[string]bool{
	"ftyp": true, "styp": true, "moov": true, "moof": true, "mdat": true,
	"free": true, "skip": true, "wide": true, "sidx": true, "pnot": true,
}

// foreign names a container that is known and not supported, "" for anything
// else.
func foreign(b []byte) string {
	for _, m := range []struct{ magic, name string }{
		{"\x1aE\xdf\xa3", "Matroska and WebM"},
		{"FLV\x01", "FLV"},
		{"OggS", "Ogg"},
		{"fLaC", "FLAC"},
		{"ID3", "MP3"},
		{"RF64", "RF64"},
		{"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media"},
		{"\x00\x00\x01\xba", "MPEG programme stream"},
		{"\x00\x00\x00\x01", "bare H.264 or H.265 stream"},
		{"\x00\x00\x01", "bare video stream"},
		{"DKIF", "IVF"},
		{"\xff\xd8\xff", "JPEG"},
		{"\x89PNG", "PNG"},
		{"GIF8", "GIF"},
		{"\xff\xf1", "bare AAC"},
		{"\xff\xf9", "bare AAC"},
	} {
		if bytes.HasPrefix(b, []byte(m.magic)) {
			return m.name
		}
	}
	if len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "AVI " {
		return "AVI"
	}
	return ""
}
