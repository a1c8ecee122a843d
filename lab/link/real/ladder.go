package real

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	seconds   = 20
	width     = 1280
	height    = 720
)

// rungs are the bit rates of the ladder, bits per second.
var rungs = [...]int{ //nolint:gochecknoglobals // a constant array
	150_000, 250_000, 350_000, 480_000, 650_000, 880_000, 1_200_000, 1_600_000, 2_200_000, 3_000_000, 4_000_000, 5_400_000, 8_000_000,
}

// Ladder is the same footage at many bit rates. Pictures of one position have the same
// place in a GOP on every rung, and all rungs share their parameter sets.
type Ladder struct {
	SPS, PPS []byte
	Rungs    []Rung // lowest first
	data     []byte // mapped
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
	PSNR     float64 // of luma, dB; 0: not known
}

// Data is a picture's NAL units, each behind its length. It must not be written to.
func (l *Ladder) Data(s Stored) []byte { return l.data[s.At : s.At+s.Size] }

// Track describes the pictures.
func (l *Ladder) Track() (*media.Track, error) { return h264.TrackFrom(l.SPS, l.PPS) }

// MakeLadder encodes the footage unless that has been done before, and returns the
// folder that has the ladder. It takes minutes the first time.
func MakeLadder(ctx context.Context) (dir string, err error) {
	src, err := footage.StreetMP4(ctx)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w (set XDG_CACHE_HOME)", err)
	}
	dir = filepath.Join(cache, "encoderbox", "ladder-"+digestOf(src))
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
	if err := buildLadder(ctx, src, dir); err != nil {
		return "", fmt.Errorf("encode the ladder: %w", err)
	}
	return dir, nil
}

const (
	indexFile = "index.json"
	dataFile  = "pictures.bin"
)

// digestOf changes with all that makes the ladder. The footage's own name does with
// what makes that.
func digestOf(src string) string {
	h := sha256.Sum256(fmt.Append(nil, src, rungs, encode("", "", 0), 3))
	return fmt.Sprintf("%x", h[:6])
}

// encode is the command that makes one rung, always the same on one machine: one
// thread.
func encode(src, out string, bitrate int) []string {
	b := fmt.Sprint(bitrate)
	return []string{"ffmpeg", "-v", "error", "-nostdin", "-y", "-r", fmt.Sprint(perSecond), "-i", src, "-t", fmt.Sprint(seconds), "-an",
		"-vf", fmt.Sprintf("scale=%d:%d:flags=fast_bilinear,noise=alls=6:allf=t:all_seed=7", width, height),
		"-c:v", "libx264", "-preset", "superfast", "-profile:v", "high", "-pix_fmt", "yuv420p", "-threads", "1",
		"-b:v", b, "-maxrate", b, "-bufsize", fmt.Sprint(bitrate / 2), "-bf", "0", "-g", fmt.Sprint(gop), "-keyint_min", fmt.Sprint(gop), "-sc_threshold", "0",
		"-x264-params", "aud=1:slices=1:sliced-threads=0:level=4.0:weightp=0:ref=1", "-f", "h264", out}
}

func buildLadder(ctx context.Context, src, dir string) error {
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".ladder-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	out, err := os.Create(filepath.Join(tmp, dataFile))
	if err != nil {
		return err
	}
	defer out.Close()
	l, at := &Ladder{}, 0
	for _, bitrate := range rungs {
		file := filepath.Join(tmp, "rung.h264")
		args := encode(src, file, bitrate)
		if text, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("ffmpeg: %w: %s", err, strings.TrimSpace(string(text)))
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		rung, err := l.pack(b, bitrate)
		if err != nil {
			return err
		}
		r := Rung{Bitrate: bitrate}
		for _, p := range rung {
			if _, err := out.Write(p.data); err != nil {
				return err
			}
			r.Pictures = append(r.Pictures, Stored{At: at, Size: len(p.data), Key: p.key})
			at += len(p.data)
		}
		r.Bitrate = (at - r.Pictures[0].At) * 8 / seconds
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
	if len(all) != perSecond*seconds {
		return nil, fmt.Errorf("rung of %d b/s: %d pictures of %d", bitrate, len(all), perSecond*seconds)
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
	l := &Ladder{}
	if err := json.Unmarshal(index, l); err != nil {
		return nil, fmt.Errorf("open the ladder: %w", err)
	}
	f, err := os.Open(filepath.Join(dir, dataFile))
	if err != nil {
		return nil, fmt.Errorf("open the ladder: %w", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open the ladder: %w", err)
	}
	if l.data, err = unix.Mmap(int(f.Fd()), 0, int(fi.Size()), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return nil, fmt.Errorf("map the ladder: %w", err)
	}
	return l, nil
}

// Close unmaps the pictures.
func (l *Ladder) Close() error { return unix.Munmap(l.data) }
