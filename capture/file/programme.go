package file

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// programme is what a file holds that can be played.
type programme struct {
	video, audio *media.Track // the first tracks of either kind; nil if none
	videoScale   int          // ticks a second of video units
	audioScale   int
	// lead is how far the first DTS lies before the first picture's PTS.
	lead  time.Duration
	notes []string // what a person should know: left-out tracks, a cut end
}

func (p *programme) describe() string {
	var parts []string
	for _, t := range []*media.Track{p.video, p.audio} {
		if t != nil {
			parts = append(parts, t.String())
		}
	}
	s := strings.Join(parts, ", ")
	if len(p.notes) > 0 {
		s += " (" + strings.Join(p.notes, "; ") + ")"
	}
	return s
}

// unit is one access unit of the file.
type unit struct {
	track *media.Track
	// pts and dts in ticks from the file's first key picture, or, without
	// video, from its first sound.
	pts, dts int64
	dur      int64 // ticks; 0 when the file does not say
	key, gap bool
	data     []byte
}

// reader reads the access units of a file in order of DTS.
type reader interface {
	programme() *programme
	// next returns io.EOF at the end. The unit's data is new memory.
	next() (unit, error)
	// rewind goes to the first key picture.
	rewind() error
	// videoDone says that no more video comes before the next rewind.
	videoDone() bool
}

// maxUnit bounds one access unit: far above the largest picture that any level
// of H.264 allows in practice, far below what would endanger the box.
const maxUnit = 16 << 20

// guard runs f, which calls a parser that was not made for hostile input, and
// makes an error of its panic. It is the one place where a panic is caught.
func guard(what string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: damaged beyond reading (%v)", what, r)
		}
	}()
	return f()
}

var errNoKey = errors.New("no key picture (IDR) found in the video; re-encode it with closed groups of pictures")
