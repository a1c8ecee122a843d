// Package slate draws what a stream shows while its input has no picture: what
// is wrong, why, and what to do about it, with the time and a moving bar that
// tell it from a frozen picture. It draws into an encoder's own memory, in any
// pixel format, and costs next to nothing while it shows the same.
package slate

import "github.com/encoderbox/encoderbox/capture"

// Text is what the slate says. Empty parts are left out; what is too long for
// the picture ends in "…".
type Text struct {
	Title   string // what is wrong, in a word or two: "NO SIGNAL"
	Detail  string // why
	Help    string // the way out
	Stream  string
	Device  string
	Address string // of the box's page
}

// Say is the text for a state of the input. detail is what the device said;
// where it is empty the state's own words stand in.
func Say(s capture.Signal, detail string) Text {
	t := words(s)
	if detail != "" {
		t.Detail = detail
	}
	return t
}

// Break is the text while a person shows the slate in place of the programme.
func Break() Text {
	return Text{Title: "BACK SOON", Detail: "The programme goes on in a moment."}
}

func words(s capture.Signal) Text {
	switch s {
	case capture.SignalNone:
		return Text{
			Title: "NO SIGNAL", Detail: "Nothing is connected, or it is switched off.",
			Help: "Check the cable and that the source is switched on.",
		}
	case capture.SignalUnstable:
		return Text{
			Title: "UNSTABLE SIGNAL", Detail: "There is a source, but no steady signal.",
			Help: "Plug the cable in again; try a shorter or better one.",
		}
	case capture.SignalUnsupported:
		return Text{
			Title: "UNSUPPORTED FORMAT", Detail: "The source sends a format that this input cannot take.",
			Help: "Set the source to a lower resolution or frame rate.",
		}
	case capture.SignalStalled:
		return Text{
			Title: "NO PICTURE", Detail: "The device is there, but sends no pictures.",
			Help: "It is started again by itself. If this stays, unplug it and plug it in again.",
		}
	case capture.SignalDeviceLost:
		return Text{
			Title: "DEVICE LOST", Detail: "The capture device is not there.",
			Help: "Plug it in: it is found by itself.",
		}
	case capture.SignalRecovering:
		return Text{
			Title: "ENCODER RESTARTING", Detail: "The video encoder stopped and is being opened again.",
			Help: "Nothing needs to be done: the picture comes back by itself.",
		}
	case capture.SignalOK, capture.SignalStarting:
	}
	return Text{Title: "STARTING", Detail: "Waiting for the first picture."}
}
