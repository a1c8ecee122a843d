package flight

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

var epoch = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func sample(id uint64) Incident {
	return Incident{
		ID: id, At: epoch.Add(time.Duration(id) * sec), Until: epoch.Add(time.Duration(id+1) * sec), Boot: "one",
		Uptime: float64(id), Lasted: 1, Stream: "main", Subject: youtube, Kind: output.Drop, Symptom: output.SymptomQueue,
		Blame: output.BlameLink, Because: "its link was slow", Detail: "its queue was full: \"<&>\" é", Count: id, Amount: Amount{Packets: id},
	}
}

func lines(t testing.TB, records ...record) (all []byte) {
	t.Helper()
	for _, r := range records {
		var err error
		if all, err = appendLine(all, r); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func incidentLine(t testing.TB, id uint64) []byte {
	i := sample(id)
	return lines(t, record{Incident: &i})
}

// A power cut may leave any part of what was written last: whatever the length,
// all whole lines are read, nothing else is, and what is written next is whole.
func TestCutAtEveryByte(t *testing.T) {
	var data []byte
	var ends []int
	for id := range uint64(2) {
		data = append(data, incidentLine(t, id+1)...)
		ends = append(ends, len(data))
	}
	name := filepath.Join(t.TempDir(), "incidents")
	for cut := range len(data) + 1 {
		if err := os.WriteFile(name, data[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		whole := 0
		for _, end := range ends {
			if end <= cut {
				whole++
			}
		}
		l := file{path: name, max: 1 << 20}
		c, err := l.load()
		if err != nil || len(c.incidents) != whole || c.damaged > 1 {
			t.Fatalf("cut at %d: %d incidents, %d damaged (%v), want %d", cut, len(c.incidents), c.damaged, err, whole)
		}
		if _, err := l.append(incidentLine(t, 9)); err != nil {
			t.Fatal(err)
		}
		l.close()
		after, err := (&file{path: name, max: 1 << 20}).load2()
		if err != nil || len(after.incidents) != whole+1 || after.incidents[9] == nil || after.damaged != 0 {
			t.Fatalf("cut at %d and written on: %d incidents, %d damaged (%v)", cut, len(after.incidents), after.damaged, err)
		}
	}
}

// load2 loads and closes.
func (l *file) load2() (*contents, error) {
	defer l.close()
	return l.load()
}

func TestDamageInTheMiddleCostsOneLine(t *testing.T) {
	clean := append(incidentLine(t, 1), append(incidentLine(t, 2), incidentLine(t, 3)...)...)
	for at := range clean {
		data := bytes.Clone(clean)
		data[at] ^= 0x10
		c := newContents()
		c.read(data, 1)
		if len(c.incidents) < 1 || len(c.incidents) > 2 || c.damaged == 0 {
			t.Fatalf("damage at %d: %d incidents, %d damaged", at, len(c.incidents), c.damaged)
		}
		for id, i := range c.incidents {
			if i.Incident != sample(id) {
				t.Fatalf("damage at %d: read %+v", at, i.Incident)
			}
		}
	}
}

func TestTheFileStaysWithinItsBound(t *testing.T) {
	name := filepath.Join(t.TempDir(), "incidents")
	const limit = 16 << 10
	l := file{path: name, max: limit}
	if _, err := l.load(); err != nil {
		t.Fatal(err)
	}
	const last = 400
	for id := range uint64(last) {
		if _, err := l.append(incidentLine(t, id+1)); err != nil {
			t.Fatal(err)
		}
		size := int64(0)
		for _, n := range []string{name, name + oldSuffix} {
			if info, err := os.Stat(n); err == nil {
				size += info.Size()
			}
		}
		if size > limit {
			t.Fatalf("%d bytes after incident %d", size, id)
		}
	}
	l.close()
	c, err := (&file{path: name, max: limit}).load2()
	if err != nil || c.damaged != 0 {
		t.Fatal(c, err)
	}
	for id := uint64(last); id > uint64(last-len(c.incidents)); id-- {
		if c.incidents[id] == nil {
			t.Fatalf("%d of %d kept, but not number %d", len(c.incidents), last, id)
		}
	}
	if least := limit / 2 / len(incidentLine(t, last)) * 9 / 10; len(c.incidents) < least {
		t.Errorf("%d kept, want %d and more", len(c.incidents), least)
	}
}

func TestTheLastLineOfAnIncidentHolds(t *testing.T) {
	first, then := sample(1), sample(1)
	then.Blame, then.Count = output.BlameServer, 12
	c := newContents()
	c.read(lines(t, record{Incident: &first}), 0)
	c.read(lines(t, record{Incident: &then}, record{Boot: &bootTime{"one", epoch}}), 1)
	if i := c.incidents[1]; i.Blame != output.BlameServer || i.Count != 12 || i.half != 1 || !i.At.Equal(epoch.Add(sec)) {
		t.Errorf("%+v", i)
	}
	if c.clean != nil {
		t.Error("taken for an orderly end")
	}
	c.read(lines(t, record{Stopped: &stopped{"one", 5}}), 1)
	if c.clean == nil || c.clean.Boot != "one" {
		t.Error("an orderly end was not seen")
	}
}

func TestALineIsShortWhateverIsReported(t *testing.T) {
	nasty := strings.Repeat("\x00\"<>\u2028\U0001f600\xff\n", 1000)
	i := trim(output.Incident{Stream: nasty, Subject: nasty, Detail: nasty})
	line := lines(t, record{Incident: &Incident{ID: 1, Stream: i.Stream, Subject: i.Subject, Detail: i.Detail}})
	if len(line) > longestLine || bytes.Count(line, []byte("\n")) != 1 {
		t.Errorf("%d bytes", len(line))
	}
	c := newContents()
	if c.read(line, 1); len(c.incidents) != 1 || len(c.incidents[1].Stream) > longestName {
		t.Errorf("read back as %+v", c.incidents)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte{})
	f.Add(incidentLine(f, 1))
	f.Add(lines(f, record{Boot: &bootTime{"one", epoch}}, record{Stopped: &stopped{"one", 1}}))
	f.Add([]byte("00000000 {}\n\n\n12345678"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := newContents()
		c.read(data, 1)
		for id, i := range c.incidents {
			if id == 0 || i.ID != id {
				t.Errorf("incident %d is kept as %d", i.ID, id)
			}
			copied := i.Incident
			again := newContents()
			again.read(lines(t, record{Incident: &copied}), 1)
			if len(again.incidents) != 1 {
				t.Errorf("not read back: %+v", i)
			}
		}
	})
}

// What a fuzzer finds behind a sum has to get past the sum first.
func FuzzRecord(f *testing.F) {
	f.Add(string(incidentLine(f, 1)[9:]))
	f.Add(`{"boot":{"id":"x","began":"0001-01-01T00:00:00Z"}}`)
	f.Fuzz(func(t *testing.T, doc string) {
		line := fmt.Appendf(nil, "%08x %s\n", checksum(doc), doc)
		c := newContents()
		c.read(line, 1)
		for _, i := range c.incidents {
			i.place(epoch)
		}
	})
}
