package hls

import (
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// Kind is HLS served on this box: it has no target and no connection.
var Kind = output.Kind{
	Name: "hls", Title: "HLS on this box (CMAF)", Direction: output.Serve,
	Transports: []string{"http"}, Codecs: []media.Codec{media.H264, media.AAC},
}
