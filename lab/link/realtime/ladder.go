package realtime

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
)

// Of the footage.
const (
	perSecond = 30                      // pictures
	Picture   = time.Second / perSecond // from one picture to the next
	gop       = 60                      // pictures
	width     = 1280
	height    = 720
)

// LadderSpec says what a ladder is made of.
type LadderSpec struct {
	Rungs    []int // bits per second, rising
	Pictures int   // of the footage: whole GOPs
}

// FullLadder is what the bench uses: 20 s.
func FullLadder() LadderSpec {
	return LadderSpec{Pictures: 20 * perSecond, Rungs: []int{
		150_000, 250_000, 350_000, 480_000, 650_000, 880_000, 1_200_000, 1_600_000, 2_200_000, 3_000_000, 4_000_000, 5_400_000, 8_000_000,
	}}
}

// Ladder is the same footage at many bit rates. Pictures of one position have the same
// place in a GOP on every rung, and all rungs share their parameter sets.
type Ladder struct {
	Dir      string `json:"-"` // where it is
	SPS, PPS []byte
	Rungs    []Rung // lowest first
	data     []byte // mapped
	luma     []byte // of the footage, see source; mapped
}

// Rung is the footage at one bit rate.
type Rung struct {
	Bitrate  int // that it has
	Pictures []Stored
}

// Stored is a coded picture.
type Stored struct {
	At, Size int // in the file, of the NAL units behind their lengths
	Key      bool
	MSE      float64 // of luma: the mean square of its difference from the footage
}

// Data is a picture's NAL units, each behind its length. It must not be written to.
func (l *Ladder) Data(s Stored) []byte { return l.data[s.At : s.At+s.Size] }

// Track describes the pictures.
func (l *Ladder) Track() (*media.Track, error) { return h264.TrackFrom(l.SPS, l.PPS) }

// Len is the number of pictures of the footage.
func (l *Ladder) Len() int { return len(l.Rungs[0].Pictures) }

// MakeLadder encodes the footage unless that has been done before, and returns the
// folder that has the ladder. It takes minutes the first time.
func MakeLadder(ctx context.Context, spec LadderSpec) (dir string, err error) {
	src, err := footage.StreetMP4(ctx)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w (set XDG_CACHE_HOME)", err)
	}
	dir = filepath.Join(cache, "encoderbox", "ladder-"+spec.digest(src))
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", fmt.Errorf("lock the ladder: %w", err)
	}
	defer lock.Close() // the lock goes with it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock the ladder: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, indexFile)); err == nil {
		return dir, nil
	}
	if err := spec.build(ctx, src, dir); err != nil {
		return "", fmt.Errorf("encode the ladder: %w", err)
	}
	return dir, nil
}

const (
	indexFile  = "index.json"
	dataFile   = "pictures.bin"
	sourceFile = "luma.gray"
)

// digest changes with all that makes the ladder. The footage's own name does with what
// makes that.
func (spec LadderSpec) digest(src string) string {
	h := sha256.Sum256(fmt.Append(nil, src, spec.Rungs, spec.encode("", "", 0), thin(), 1))
	return fmt.Sprintf("%x", h[:6])
}

// filter makes of the clip what is encoded: a camera of today has more pixels, and noise.
func filter() string {
	return fmt.Sprintf("scale=%d:%d:flags=fast_bilinear,noise=alls=2:allf=t:all_seed=7", width, height)
}

// encode is the command that makes one rung, always the same on one machine: one
// thread.
func (spec LadderSpec) encode(src, out string, bitrate int) []string {
	b := fmt.Sprint(bitrate)
	return []string{"ffmpeg", "-v", "error", "-nostdin", "-y", "-r", fmt.Sprint(perSecond), "-i", src, "-frames:v", fmt.Sprint(spec.Pictures), "-an",
		"-vf", filter(),
		"-c:v", "libx264", "-preset", "superfast", "-profile:v", "high", "-pix_fmt", "yuv420p", "-threads", "1",
		"-b:v", b, "-maxrate", b, "-bufsize", fmt.Sprint(bitrate / 2), "-bf", "0", "-g", fmt.Sprint(gop), "-keyint_min", fmt.Sprint(gop), "-sc_threshold", "0",
		"-x264-params", "aud=1:slices=1:sliced-threads=0:level=4.0:weightp=0:ref=1", "-f", "h264", out}
}

func (spec LadderSpec) build(ctx context.Context, src, dir string) error {
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".ladder-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := source(ctx, src, spec.Pictures, filepath.Join(tmp, sourceFile)); err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(tmp, dataFile))
	if err != nil {
		return err
	}
	defer out.Close()
	l, at := &Ladder{}, 0
	for _, bitrate := range spec.Rungs {
		file := filepath.Join(tmp, "rung.h264")
		args := spec.encode(src, file, bitrate)
		if err := ffmpeg(ctx, args); err != nil {
			return err
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		rung, err := l.pack(b, bitrate)
		if err != nil {
			return err
		}
		if len(rung) != spec.Pictures {
			return fmt.Errorf("rung of %d b/s: %d pictures of %d", bitrate, len(rung), spec.Pictures)
		}
		noise, err := differences(ctx, src, file)
		if err != nil {
			return err
		}
		if len(noise) != len(rung) {
			return fmt.Errorf("ffmpeg compared %d pictures of %d", len(noise), len(rung))
		}
		r := Rung{}
		for i, p := range rung {
			if _, err := out.Write(p.data); err != nil {
				return err
			}
			r.Pictures = append(r.Pictures, Stored{At: at, Size: len(p.data), Key: p.key, MSE: noise[i]})
			at += len(p.data)
		}
		r.Bitrate = (at - r.Pictures[0].At) * 8 * perSecond / spec.Pictures
		l.Rungs = append(l.Rungs, r)
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	index, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tmp, indexFile), index, 0o644); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

type coded struct {
	data []byte
	key  bool
}

// pack takes a byte stream with access unit delimiters apart, and keeps its parameter
// sets aside, which must be those of the other rungs.
func (l *Ladder) pack(stream []byte, bitrate int) (all []coded, err error) {
	for nal := range h264.SplitAnnexB(stream) {
		switch h264.Type(nal) {
		case h264.TypeAUD:
			all = append(all, coded{})
			continue
		case h264.TypeSPS:
			err = same(&l.SPS, nal)
		case h264.TypePPS:
			err = same(&l.PPS, nal)
		case h264.TypeIDR, h264.TypeSlice:
			last := &all[len(all)-1]
			last.key = last.key || h264.Type(nal) == h264.TypeIDR
			last.data = h264.AppendUnit(last.data, nal)
		}
		if err != nil {
			return nil, fmt.Errorf("rung of %d b/s: %w", bitrate, err)
		}
	}
	for i, p := range all {
		if p.key != (i%gop == 0) || len(p.data) == 0 {
			return nil, fmt.Errorf("rung of %d b/s: picture %d is no key picture where one is due, or the reverse", bitrate, i)
		}
	}
	return all, nil
}

func same(have *[]byte, nal []byte) error {
	if *have == nil {
		*have = bytes.Clone(nal)
	}
	if !bytes.Equal(*have, nal) {
		return errors.New("it has other parameter sets than the others")
	}
	return nil
}

// OpenLadder maps the ladder of a folder that MakeLadder has returned. Whoever opens it
// closes it, when none of its Data is needed any more.
func OpenLadder(dir string) (*Ladder, error) {
	index, err := os.ReadFile(filepath.Join(dir, indexFile))
	if err != nil {
		return nil, fmt.Errorf("open the ladder: %w", err)
	}
	l := &Ladder{Dir: dir}
	if err := json.Unmarshal(index, l); err != nil {
		return nil, fmt.Errorf("open the ladder: %w", err)
	}
	if l.data, err = mapped(filepath.Join(dir, dataFile)); err != nil {
		return nil, fmt.Errorf("open the ladder: %w", err)
	}
	if l.luma, err = mapped(filepath.Join(dir, sourceFile)); err != nil {
		_ = unix.Munmap(l.data)
		return nil, fmt.Errorf("open the ladder: %w", err)
	}
	return l, nil
}

func mapped(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return unix.Mmap(int(f.Fd()), 0, int(fi.Size()), unix.PROT_READ, unix.MAP_SHARED)
}

// Close unmaps the pictures.
func (l *Ladder) Close() error { return errors.Join(unix.Munmap(l.data), unix.Munmap(l.luma)) }
