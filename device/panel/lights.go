package panel

import (
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
)

// Sense is what a lamp says.
type Sense struct {
	Name    string
	Means   string // for people
	Pattern string // see ParsePattern
}

// Senses are all patterns there are, those of the status lamp first, in the order in
// which they win: of several that hold, the first is shown.
func Senses() []Sense {
	return []Sense{
		{"identify", "this is the box you look for (every lamp)", "white/80ms off/80ms white/80ms off/80ms white/80ms off/600ms"},
		{"updating", "an update is being installed: do not switch off", "~blue/900ms ~off/900ms"},
		{"error", "something that was configured does not work", "red/250ms off/250ms"},
		{"degraded", "on the air, but worse than configured", "amber/1400ms off/200ms amber/200ms off/200ms"},
		{"starting", "the box or its input starts", "blue/500ms off/500ms"},
		{"connecting", "destinations are being connected", "green/500ms off/500ms"},
		{"live+record", "on the air, and recording", "green/1700ms off/100ms red/200ms off/100ms"},
		{"live", "on the air", "green"},
		{"record", "recording, not on the air", "red/200ms off/100ms red/200ms off/1500ms"},
		{"idle", "ready, off the air", "green/100ms off/3900ms"},
		{"warning", "alarm lamp: something is worse than configured", "amber"},
		{"on", "live and record lamps: yes", "red"},
		{"coming", "live and record lamps: connecting, or waiting for its time", "red/500ms off/500ms"},
		{"program", "tally lamp: on the air", "red"},
		{"preview", "tally lamp: next", "green*0.4"},
		{"dark", "nothing to say", "off"},
	}
}

// The lamps that a panel may have, any of them. A board names its lights so; where a lamp
// is of several colours, each is a light, "status:red" and "status:green".
const (
	StatusLamp = "status" // the one that says all
	LiveLamp   = "live"
	RecordLamp = "record"
	TallyLamp  = "tally"
	AlarmLamp  = "alarm"
)

// senseOf is what a lamp says, by name; "dark" of lamps that nobody knows.
func senseOf(lamp string, s *status.Snapshot, sign Sign, destination string, now time.Time) string {
	if now.Before(sign.Identify) {
		return "identify"
	}
	air, recording := airOfBox(s), recordingOfBox(s)
	switch lamp {
	case StatusLamp:
		return statusSense(air, recording, sign, s)
	case LiveLamp:
		switch air {
		case AirOn, AirDegraded:
			return "on"
		case AirConnecting, AirFailed:
			return "coming"
		}
	case RecordLamp:
		switch recording {
		case "recording":
			return "on"
		case "":
		default:
			return "coming"
		}
	case TallyLamp:
		switch tallyOf(s, sign.Tally, destination) {
		case OnAir:
			return "program"
		case Preview:
			return "preview"
		}
	case AlarmLamp:
		if errors, warnings := alarmsOf(s); len(errors) > 0 || air == AirFailed {
			return "error"
		} else if len(warnings) > 0 || air == AirDegraded {
			return "warning"
		}
	}
	return "dark"
}

func statusSense(air Air, recording string, sign Sign, s *status.Snapshot) string {
	errors, _ := alarmsOf(s)
	switch {
	case sign.Update != nil:
		return "updating"
	case air == AirFailed || len(errors) > 0:
		return "error"
	case air == AirDegraded:
		return "degraded"
	case air == AirStarting:
		return "starting"
	case air == AirConnecting:
		return "connecting"
	case air == AirOn && recording == "recording":
		return "live+record"
	case air == AirOn:
		return "live"
	case recording == "recording":
		return "record"
	}
	return "idle"
}

// levels is how bright each light of a lamp is for its colour to come out. A light that
// has no colour of its own shows how bright it is, and so does any lamp that cannot mix
// the colour: rhythm says enough.
func levels(lights []string, c Colour) map[string]float64 {
	out := map[string]float64{}
	sum := 0.0
	for _, name := range lights {
		_, colour, coloured := strings.Cut(name, ":")
		own, known := colours()[colour]
		switch {
		case !coloured || !known || colour == "white" && len(lights) == 1:
			out[name] = c.brightness()
		case colour == "white":
			out[name] = min(c.Red, c.Green, c.Blue)
		case colour == "amber": // beside red or green, it makes the mixtures
			out[name] = min(c.Red, c.Green)
		default:
			out[name] = max(min(own.Red, c.Red), min(own.Green, c.Green), min(own.Blue, c.Blue))
		}
		sum += out[name]
	}
	if sum == 0 {
		for _, name := range lights {
			out[name] = c.brightness()
		}
	}
	return out
}

// lampOf is the lamp that a light belongs to.
func lampOf(light string) string {
	lamp, _, _ := strings.Cut(light, ":")
	return lamp
}
