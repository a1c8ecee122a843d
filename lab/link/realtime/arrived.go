package realtime

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/encoderbox/encoderbox/lab/link/score"
)

// decoded has ffmpeg decode what arrived of a live run and fills in how much of the
// footage's look each picture has lost. Pictures that are not good are left out: that
// the last good one stays in their place is for the score.
func (b Bench) decoded(ctx context.Context, dir string, r *score.Record, got account) error {
	units, err := readUnits(filepath.Join(dir, unitsFile))
	if err != nil {
		return err
	}
	var stream []byte
	var good []int
	for i, bad := range r.Bad() {
		unit, ok := units[got.First+i]
		switch {
		case bad || len(good) == 0 && !r.Frames[i].Key:
		case !ok:
			return fmt.Errorf("picture %d arrived and was not coded", got.First+i)
		default:
			stream = append(stream, unit...)
			good = append(good, i)
		}
	}
	in, out := filepath.Join(dir, "arrived.h264"), filepath.Join(dir, "arrived.gray")
	if err := os.WriteFile(in, stream, 0o600); err != nil {
		return err
	}
	err = ffmpeg(ctx, []string{
		"ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "h264", "-i", in, "-fps_mode", "passthrough",
		"-vf", thin(), "-f", "rawvideo", out,
	})
	if err != nil {
		return err
	}
	luma, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	if len(luma) != len(good)*sparse {
		return fmt.Errorf("ffmpeg decoded %d of %d pictures that arrived", len(luma)/sparse, len(good))
	}
	for k, i := range good {
		at := got.Footage[i]
		r.Frames[i].Noise = difference(luma[k*sparse:(k+1)*sparse], b.Ladder.luma[at*sparse:(at+1)*sparse])
	}
	return nil
}

// readUnits reads what a live sender has coded, by number.
func readUnits(file string) (map[int][]byte, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	all := map[int][]byte{}
	for len(b) >= 8 {
		number, n := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
		if b = b[8:]; uint64(n) > uint64(len(b)) {
			return nil, errors.New("what was coded ends in a picture")
		}
		all[int(number)], b = b[:n], b[n:]
	}
	return all, nil
}
