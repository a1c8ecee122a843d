package status

import "slices"

// Preset is a piece of configuration that is kept under a name.
type Preset struct {
	Name   string `json:"name"`
	Note   string `json:"note"`
	Makers bool   `json:"makers"` // it came with the box
	// State is "applied" where the box does what the preset says, "changed" where it did
	// last and something was changed since, "" otherwise.
	State string `json:"state"`
	Error string `json:"error"` // why it cannot be applied, one line; "" where it can
}

// The states of presets.
const (
	PresetApplied = "applied"
	PresetChanged = "changed"
)

// SetPresets reports the presets by name.
func (s *Store) SetPresets(all []Preset) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Equal(s.snapshot.Presets, all) {
		return
	}
	s.snapshot.Presets = all
	s.publish()
}

// SetMediaPresets reports the presets on removable media.
func (s *Store) SetMediaPresets(names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Equal(s.snapshot.MediaPresets, names) {
		return
	}
	s.snapshot.MediaPresets = names
	s.publish()
}
