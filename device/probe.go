package device

import (
	"encoding/json"
	"io"
	"log/slog"

	"github.com/encoderbox/encoderbox/device/hardware"
)

// WriteProbe says on w what this machine has for the daemon to use, and which
// board model it is taken for: for a person, or as JSON. model is a name, or
// hardware.Auto.
func WriteProbe(w io.Writer, model string, asJSON bool) error {
	hw, err := hardware.New(model, &hardware.Arrivals{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	report := hw.Probe()
	if !asJSON {
		return report.Print(w)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(report)
}
