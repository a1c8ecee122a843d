package dash

import (
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// Kind is DASH served on this box: it has no target and no connection.
var Kind = output.Kind{
	Name: "dash", Title: "MPEG-DASH on this box (CMAF)", Direction: output.Serve,
	Transports: []string{"http"}, Codecs: []media.Codec{media.H264, media.AAC},
}
