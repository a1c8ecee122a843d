package modem

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/godbus/dbus/v5"

	"github.com/encoderbox/encoderbox/device/config"
)

// sim is the SIM in a modem. Its id, the number printed on it, may be "" while it is locked.
type sim struct {
	path dbus.ObjectPath
	id   string
}

func (l *line) sim(ctx context.Context, d device) (s sim, err error) {
	s.path = as[dbus.ObjectPath](d.values, "Sim")
	if s.path == "" || s.path == noObject {
		return s, errors.New("ModemManager does not tell the SIM")
	}
	v, err := l.bus.all(ctx, s.path, simIface)
	s.id = as[string](v, "SimIdentifier")
	return s, err
}

// try is a PIN's try: of which SIM, by which modem, and how many it had left before.
type try struct {
	sim   string
	modem dbus.ObjectPath
	left  uint32
	told  bool // left is known
}

// memory is which PINs SIMs refused, over restarts. PINs are kept as keyed digests, so that
// they are not to be read there; who tries all of them finds them, but then the configuration
// beside has the right one.
type memory struct {
	folder func() (string, error)

	mu   sync.Mutex
	here map[string]bool // tries of this run that nobody knows the end of, by modem and PIN
}

func newMemory(folder func() (string, error)) *memory {
	return &memory{folder: folder, here: map[string]bool{}}
}

// ledger is memory's file.
type ledger struct {
	Key   string  `json:"key"` // of the digests
	Tried []entry `json:"tried"`
}

// entry is a PIN that was tried and not accepted.
type entry struct {
	SIM     string `json:"sim"` // "" where it was not to be read
	PIN     string `json:"pin"` // a digest
	Refused bool   `json:"refused"`
	Left    uint32 `json:"left,omitempty"` // tries that the SIM had left before; 0: not known
}

// is says that an entry is of the PIN, on the SIM as far as one knows.
func (e entry) is(t try, digest string) bool {
	return e.PIN == digest && (e.SIM == t.sim || e.SIM == "" || t.sim == "")
}

func (b ledger) digest(pin config.Secret) string {
	mac := hmac.New(sha256.New, []byte(b.Key))
	mac.Write([]byte(pin.Reveal()))
	return hex.EncodeToString(mac.Sum(nil))
}

const ledgerFile = "modem-pins.json"

func (m *memory) read() (b ledger, path string, err error) {
	folder, err := m.folder()
	if err != nil {
		return b, "", err
	}
	path = filepath.Join(folder, ledgerFile)
	doc, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return ledger{Key: rand.Text()}, path, nil
	}
	if err == nil {
		err = json.Unmarshal(doc, &b)
	}
	if err != nil {
		return b, path, fmt.Errorf("read which PINs were tried, %s: %w; remove the file", path, err)
	}
	return b, path, nil
}

// write replaces the file, so that a power cut after it does not undo it.
func (b ledger) write(path string) error {
	doc, err := json.MarshalIndent(b, "", "\t")
	if err != nil {
		return err
	}
	if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
		err = config.WriteFile(config.OS{}, path, append(doc, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write down which PINs were tried: %w", err)
	}
	return nil
}

// change changes the entries.
func (m *memory) change(f func(ledger) []entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, path, err := m.read()
	if err != nil {
		return err
	}
	tried := f(b)
	if slices.Equal(tried, b.Tried) {
		return nil
	}
	b.Tried = tried
	return b.write(path)
}

// may says whether the PIN may be tried. One whose end is not known, since the daemon or the
// box ended meanwhile, may be if the SIM counts that no try was lost by it.
func (m *memory) may(t try, pin config.Secret) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, _, err := m.read()
	if err != nil || m.here[here(t, pin)] {
		return false, err
	}
	digest := b.digest(pin)
	return !slices.ContainsFunc(b.Tried, func(e entry) bool {
		return e.is(t, digest) && (e.Refused || e.Left == 0 || !t.told || t.left < e.Left)
	}), nil
}

func here(t try, pin config.Secret) string { return string(t.modem) + " " + pin.Reveal() }

// begin writes down that the PIN is tried.
func (m *memory) begin(t try, pin config.Secret) error {
	err := m.change(func(b ledger) []entry {
		return append(without(b, t, pin), entry{SIM: t.sim, PIN: b.digest(pin), Left: t.left})
	})
	if err == nil {
		m.mu.Lock()
		m.here[here(t, pin)] = true
		m.mu.Unlock()
	}
	return err
}

func without(b ledger, t try, pin config.Secret) []entry {
	digest := b.digest(pin)
	return slices.DeleteFunc(slices.Clone(b.Tried), func(e entry) bool { return e.is(t, digest) })
}

// refused writes down that the SIM refused the PIN. Where that fails, what begin wrote
// says as much.
func (m *memory) refused(t try, pin config.Secret) {
	_ = m.change(func(b ledger) []entry {
		return append(without(b, t, pin), entry{SIM: t.sim, PIN: b.digest(pin), Refused: true})
	})
}

// unsent takes back what begin wrote.
func (m *memory) unsent(t try, pin config.Secret) {
	_ = m.change(func(b ledger) []entry { return without(b, t, pin) })
	m.mu.Lock()
	delete(m.here, here(t, pin))
	m.mu.Unlock()
}

// accepted forgets all of the SIM: it has all its tries again.
func (m *memory) accepted(t try) {
	_ = m.change(func(b ledger) []entry {
		return slices.DeleteFunc(slices.Clone(b.Tried), func(e entry) bool { return e.SIM == t.sim || e.SIM == "" })
	})
	m.mu.Lock()
	clear(m.here)
	m.mu.Unlock()
}
