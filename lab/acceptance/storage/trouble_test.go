package storage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/device/status"
)

const always = "[streams.main.recording]\nmode = \"always\"\nfile_duration = \"10s\"\n[streams.main.time_shift]\ndepth = \"24h\"\n"

// storageCondition is the condition that storage raised, if any.
func storageCondition(s status.Stream) *status.Condition {
	for _, c := range s.Conditions {
		if strings.HasPrefix(c.Code, "storage.") {
			return &c
		}
	}
	return nil
}

// TestStorageThatCannotBeUsed has a file where the folder should be, which stops
// root too: the stream goes on, and recording begins by itself once it can.
func TestStorageThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	b := newBoxOn(t, always, func(disk string) { write(t, disk, []byte("not a folder")) })
	b.segments(1)
	v, stop := watch(t, b)
	s := b.stream("a condition", func(s status.Stream) bool { return storageCondition(s) != nil })
	c := storageCondition(s)
	t.Log(c.Message)
	if !strings.Contains(c.Message, b.options.Disk) || strings.Contains(c.Message, "\n") || c.Severity != status.Error {
		t.Errorf("condition %+v, want one line that names %s", c, b.options.Disk)
	}
	b.segments(3)
	if err := os.Remove(b.options.Disk); err != nil {
		t.Fatal(err)
	}
	b.stream("a recording of two segments", func(s status.Stream) bool {
		return storageCondition(s) == nil && s.Storage.Segments >= 2 && s.Recording.File != ""
	})
	b.segments(2)
	stop()
	v.unbroken()
	for _, r := range b.recorded() {
		b.decodes(b.URL + api + r.URL)
	}
}

// TestStorageThatVanishes is unplugged in the middle of a recording, and comes
// back with all that it had.
func TestStorageThatVanishes(t *testing.T) {
	t.Parallel()
	b := newBox(t, always)
	v, stop := watch(t, b)
	b.stream("a whole file", func(s status.Stream) bool { return s.Storage != nil && s.Storage.Recordings >= 2 })
	before := b.recorded()
	for range long(1, 20) {
		vanish(t, b)
	}
	b.segments(3)
	stop()
	v.unbroken()
	v.again() // of what was not stored, the live window had the rest
	all := b.recorded()
	for i, r := range all {
		if i > 0 && r.First <= all[i-1].Last {
			t.Errorf("stored twice: %s has %d to %d, %s has %d to %d", all[i-1].Name, all[i-1].First, all[i-1].Last, r.Name, r.First, r.Last)
		}
		b.decodes(b.URL + api + r.URL)
	}
	if len(all) <= len(before) || all[0].Name != before[0].Name || all[0].SHA256 != before[0].SHA256 {
		t.Errorf("recordings before %+v, after %+v", before, all)
	}
}

// vanish takes the disk away and puts a file in its place, which no folder can be
// made at, until that was noticed; and brings it back.
func vanish(t *testing.T, b *box) {
	t.Helper()
	away := b.options.Disk + ".away"
	if err := os.Rename(b.options.Disk, away); err != nil {
		t.Fatal(err)
	}
	write(t, b.options.Disk, nil)
	s := b.stream("a condition", func(s status.Stream) bool { return storageCondition(s) != nil })
	t.Log(storageCondition(s).Message)
	b.segments(2)
	if err := os.Remove(b.options.Disk); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away, b.options.Disk); err != nil {
		t.Fatal(err)
	}
	stored := s.Storage.Segments
	b.stream("recording again", func(s status.Stream) bool {
		return storageCondition(s) == nil && s.Storage.Segments >= stored+3 && s.Recording.File != ""
	})
	if name := b.stream("a file", func(s status.Stream) bool { return s.Storage.Writing != "" }).Storage.Writing; name == "" {
		t.Error("nothing is written")
	} else if _, err := os.Stat(filepath.Join(b.options.Disk, "main", name)); err != nil {
		t.Error(err)
	}
}
