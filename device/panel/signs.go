package panel

import (
	"fmt"
	"sync"
	"time"
)

// Tally is what a vision mixer tells a camera's people.
type Tally string

// The tallies. Follow is none told: it is then made of the destinations.
const (
	Follow  Tally = ""
	Dark    Tally = "off"
	Preview Tally = "preview"
	OnAir   Tally = "program"
)

// Signs are what a panel shows beside the status. Safe for concurrent use; nothing
// blocks. The zero value is not ready, see NewSigns.
type Signs struct {
	mu      sync.Mutex // guards the fields below
	now     Sign
	changed chan struct{}
}

// Sign is what Signs say at one moment. The zero Sign is nothing to show.
type Sign struct {
	Tally    Tally
	Identify time.Time // the box shows which one it is until then
	Update   *Update   // an update is being installed
}

// Update is how far an update is.
type Update struct {
	Done float64 // 0 to 1; below 0: nobody knows
	Text string
}

// NewSigns are Signs with nothing to show.
func NewSigns() *Signs { return &Signs{changed: make(chan struct{})} }

// SetTally has the tally light show what is told, until the next call.
func (s *Signs) SetTally(t Tally) error {
	switch t {
	case Follow, Dark, Preview, OnAir:
	default:
		return fmt.Errorf("panel: tally %q: none of %s, %s, %s, or nothing to follow the destinations", t, Dark, Preview, OnAir)
	}
	s.set(func(n *Sign) { n.Tally = t })
	return nil
}

// Identify has all lights and the screen say "here", so that people find this box among
// others; 0 ends it.
func (s *Signs) Identify(during time.Duration) {
	until := time.Now().Add(during)
	s.set(func(n *Sign) { n.Identify = until })
}

// SetUpdate tells of an update that is being installed; nil: there is none any more.
func (s *Signs) SetUpdate(u *Update) { s.set(func(n *Sign) { n.Update = u }) }

func (s *Signs) set(change func(*Sign)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.now)
	close(s.changed)
	s.changed = make(chan struct{})
}

// Watch is what they say, and a channel that is closed when it is something else.
func (s *Signs) Watch() (Sign, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, s.changed
}
