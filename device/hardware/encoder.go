package hardware

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/board"
	"github.com/encoderbox/encoderbox/board/models"
	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/m2m"
	"github.com/encoderbox/encoderbox/media"
)

// ErrNoEncoder says that the box has no hardware encoder for H.264, and that no
// other was to be expected of its model.
var ErrNoEncoder = errors.New("no hardware encoder for H.264")

// Encoder opens the box's hardware encoder. Formats of prefer are taken before
// others where the encoder has them. The error wraps ErrNoEncoder where there
// is none and none is missed; any other is of one that should work.
func (b *Box) Encoder(s encode.Settings, prefer []media.PixelFormat, log *slog.Logger) (*m2m.Encoder, error) {
	found, known, err := b.findEncoder()
	if err != nil {
		return nil, err
	}
	return m2m.New(m2m.Config{
		Settings: s, Device: found.Path, Prefer: prefer, Quirks: quirks(known, log),
		Log: log,
	})
}

// findEncoder is the encoder to take, and what the model knows of it.
func (b *Box) findEncoder() (m2m.Found, board.Encoder, error) {
	found, err := b.encoders()
	if err != nil {
		return m2m.Found{}, board.Encoder{}, err
	}
	if len(found) == 0 {
		return m2m.Found{}, board.Encoder{}, b.noEncoder()
	}
	return found[0], b.known(found[0]), nil
}

// noEncoder is what it means that there is no encoder.
func (b *Box) noEncoder() error {
	if !b.expectsEncoder() {
		return ErrNoEncoder
	}
	return fmt.Errorf("a %s has a hardware encoder, but none is there: is the driver %s loaded?", b.model.Title, b.encoderDrivers())
}

// expectsEncoder says that the model has an encoder for certain: any machine may
// have none.
func (b *Box) expectsEncoder() bool {
	return b.model.Name != models.Generic.Name && len(b.model.Encoders) > 0
}

// encoderDrivers names the drivers of the model's encoders.
func (b *Box) encoderDrivers() string {
	names := make([]string, len(b.model.Encoders))
	for i, e := range b.model.Encoders {
		names[i] = e.Driver
	}
	return strings.Join(names, " or ")
}

// known is what the model knows of an encoder.
func (b *Box) known(f m2m.Found) board.Encoder {
	if i := b.rank(f); i < len(b.model.Encoders) {
		return b.model.Encoders[i]
	}
	return board.Encoder{Driver: f.Info.Driver}
}

// rank is an encoder's place in the model's list; its length for one that the
// model does not know.
func (b *Box) rank(f m2m.Found) int {
	i := slices.IndexFunc(b.model.Encoders, func(e board.Encoder) bool { return matches(e, f) })
	if i < 0 {
		return len(b.model.Encoders)
	}
	return i
}

func matches(known board.Encoder, f m2m.Found) bool {
	return strings.HasPrefix(f.Info.Driver, known.Driver) && (known.Card == "" || f.Info.Card == known.Card)
}

// quirks are a model's data as the driver code takes them.
func quirks(e board.Encoder, log *slog.Logger) m2m.Quirks {
	q := m2m.Quirks{MaxWidth: e.MaxWidth, MaxHeight: e.MaxHeight, MaxLevel: levelIDC(e.MaxLevel)}
	for _, is := range e.Quirks {
		switch is.Is {
		case board.NoForceKey:
			q.NoForceKey = true
		case board.NoLiveBitrate:
			q.NoLiveBitrate = true
		case board.Reopen:
			q.Reopen = true
		case board.NoDrain:
			q.NoDrain = true
		case board.IntegerFrameRate:
			q.IntegerFrameRates = true
		case board.StrideAlign:
			q.StrideAlign = is.Value
		case board.RowAlign:
			q.RowAlign = is.Value
		case board.MinBitrate:
			q.MinBitrate = is.Value
		case board.CaptureBufferSize:
			q.CodedSize = is.Value
		case board.DeadlineMS:
			q.Deadline = time.Duration(is.Value) * time.Millisecond
		case board.MultiPlanarOnly, board.MaxGOP, board.StreamOffBlocks, board.LowLevelStalls:
			// The driver tells, or the encoder code does it for all.
		default:
			log.Warn("a quirk of the board model is not known", "quirk", is.Is, "driver", e.Driver)
		}
	}
	return q
}

// levelIDC is "4.1" as 41, and 0 for "".
func levelIDC(level string) int {
	var major, minor int
	if _, err := fmt.Sscanf(level, "%d.%d", &major, &minor); err != nil {
		return 0
	}
	return 10*major + minor
}

// encoders lists all that there are, the one that is taken first.
func (b *Box) encoders() ([]m2m.Found, error) {
	found, err := m2m.Find(m2m.Config{})
	slices.SortStableFunc(found, func(a, c m2m.Found) int { return cmp.Compare(b.rank(a), b.rank(c)) })
	return found, err
}
