package journal

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// load reads what storage holds: the ends of closed reels, and all of one that
// was not closed, which it repairs. Files that are not reels are left alone.
func (j *Journal) load() error {
	j.mu.Lock()
	j.deleted = map[string]bool{}
	j.mu.Unlock()
	defer func() {
		j.mu.Lock()
		j.deleted = nil
		j.mu.Unlock()
	}()
	device, err := j.fs.device()
	if err != nil {
		return err
	}
	j.note(func(*Stats) {
		if j.device != device {
			j.unrepaired = nil
		}
	})
	j.files.forget()
	names, err := j.fs.list()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	sizes := map[string]int64{}
	for _, l := range names {
		sizes[l.name] = l.size
	}
	var reels []*reel
	for _, l := range names {
		if err := j.abandoned(); err != nil {
			return err
		}
		switch {
		case strings.HasSuffix(l.name, temporary):
			_ = j.fs.remove(l.name) // its reel never began, or its checksum is made again
		case strings.HasSuffix(l.name, extension) && !strings.HasPrefix(l.name, "."):
			r, err := j.loadReel(l.name, l.size)
			if err != nil {
				return err
			}
			if r != nil {
				reels = append(reels, r)
			}
		}
	}
	for _, r := range reels {
		if _, ok := sizes[r.name+checksumExtension]; ok && r.sha == "" && len(r.entries) == 0 {
			r.sha = j.readChecksum(r.name)
		}
	}
	slices.SortStableFunc(reels, func(a, b *reel) int { return cmp.Compare(a.First, b.First) })
	j.install(device, reels)
	return nil
}

// install makes what was found visible.
func (j *Journal) install(device uint64, reels []*reel) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.device = device
	j.reels = slices.DeleteFunc(reels, func(r *reel) bool { return j.deleted[r.name] })
	j.cache = indexCache{}
	j.markReady()
}

// loadReel is nil for a file that is none.
func (j *Journal) loadReel(name string, size int64) (*reel, error) {
	f, err := j.fs.open(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, nil //nolint:nilnil // gone, or not ours
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &reel{files: j.files, name: name}
	s, err := readSummary(f, size)
	if err == nil {
		r.summary, r.bytes = *s, size
		if r.setInits() == nil {
			return r, nil
		}
		err = errRecord
	}
	if !errors.Is(err, errRecord) {
		return nil, fmt.Errorf("journal: read %s: %w", name, err)
	}
	return j.torn(name, f, size)
}

// torn reads a reel that was not closed, and closes it.
func (j *Journal) torn(name string, f file, size int64) (*reel, error) {
	s, err := j.scanOnce(name, f, size)
	if errors.Is(err, errForeign) {
		return nil, nil //nolint:nilnil // not ours
	}
	if err != nil {
		return nil, err
	}
	r := s.r
	if len(r.entries) == 0 { // cut before its first chunk
		_ = j.fs.remove(name)
		return nil, nil //nolint:nilnil // nothing in it
	}
	if err := j.repair(s); err != nil {
		// Read-only or full: what is good can be read all the same.
		j.note(func(st *Stats) { st.Unrepaired++ })
		return r, nil //nolint:nilerr // tried again with the next load
	}
	r.rest = s.left
	j.note(func(st *Stats) { st.Repaired++; delete(j.unrepaired, name) })
	return r, nil
}

// scanOnce reads all of a reel, but not again while it cannot be repaired and
// stays as it is.
func (j *Journal) scanOnce(name string, f file, size int64) (*scanner, error) {
	j.mu.Lock()
	s := j.unrepaired[name]
	j.mu.Unlock()
	if s != nil && s.size == size {
		return s, nil
	}
	f.forget()
	s, err := scan(&reel{files: j.files, name: name}, f, size)
	if err == nil {
		j.note(func(*Stats) {
			if j.unrepaired == nil {
				j.unrepaired = map[string]*scanner{}
			}
			j.unrepaired[name] = s
		})
	}
	return s, err
}

// repair cuts a torn reel behind its last good chunk and closes it. It can be
// cut short at any point and done again.
func (j *Journal) repair(s *scanner) error {
	f, err := j.fs.edit(s.r.name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := j.abandoned(); err != nil {
		return err
	}
	// What fails below leaves the file, and the sum, as no scan has seen them.
	j.note(func(*Stats) { delete(j.unrepaired, s.r.name) })
	if err := errors.Join(f.Truncate(s.r.bytes), f.datasync()); err != nil {
		return err
	}
	return j.closeReel(s.r, f, &s.trail)
}

// closeReel writes the checksum, then the footer: a reel with a footer has a
// checksum.
func (j *Journal) closeReel(r *reel, f file, t *trail) error {
	footer, index, err := r.footer(t.fragments)
	if err != nil {
		return err
	}
	t.sum.Write(footer)
	sha := hex.EncodeToString(t.sum.Sum(nil))
	if err := j.abandoned(); err != nil {
		return err
	}
	if err := errors.Join(j.writeChecksum(r.name, sha), j.abandoned()); err != nil {
		return err
	}
	if _, err := f.Write(footer); err != nil {
		return err
	}
	if err := f.datasync(); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.Written += uint64(len(footer) + len(sha) + len(r.name) + 3)
	j.cache.put(r.name, r.entries)
	r.IndexAt, r.IndexBytes = r.bytes, index
	r.bytes += int64(len(footer))
	r.sha, r.writing, r.entries = sha, false, nil
	return nil
}

func (j *Journal) writeChecksum(name, sha string) error {
	tmp := name + checksumExtension + temporary
	f, err := j.fs.create(tmp)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(sha + "  " + name + "\n"))
	if err := errors.Join(err, f.datasync(), f.Close()); err != nil {
		return err
	}
	if err := j.fs.rename(tmp, name+checksumExtension); err != nil {
		return err
	}
	return j.fs.sync()
}

// readChecksum is empty where there is none that makes sense.
func (j *Journal) readChecksum(name string) string {
	b, err := j.fs.read(name+checksumExtension, 4096)
	if err != nil || len(b) < 64 {
		return ""
	}
	if _, err := hex.DecodeString(string(b[:64])); err != nil {
		return ""
	}
	return string(b[:64])
}
