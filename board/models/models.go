// Package models holds the box models, one file each. To add one: its file, its
// line in All, and what TestModels then asks for.
package models

import (
	"slices"

	"github.com/encoderbox/encoderbox/board"
)

// All are the models, the most specific first.
var All = []board.Model{
	Pi4, PiZero2W, BeagleYAI, RadxaNIO12L, DragonBoard410c, Virtual, Generic,
}

// Named is the model of a name.
func Named(name string) (board.Model, bool) {
	i := slices.IndexFunc(All, func(m board.Model) bool { return m.Name == name })
	if i < 0 {
		return board.Model{}, false
	}
	return All[i], true
}

// Names are the names of all models.
func Names() []string {
	names := make([]string, len(All))
	for i, m := range All {
		names[i] = m.Name
	}
	return names
}

// Detect is the model that a device tree's compatible list names, and by which
// entry of it; the list goes from specific to general, so the first entry that
// any model knows decides. entry is "" when none does.
func Detect(compatible []string) (m board.Model, entry string) {
	for _, entry := range compatible {
		for _, m := range All {
			if slices.Contains(m.Compatible, entry) {
				return m, entry
			}
		}
	}
	return Generic, ""
}
