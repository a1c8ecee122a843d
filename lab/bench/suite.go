package main

import (
	"path/filepath"

	"github.com/encoderbox/encoderbox/lab/measure"
)

// suite is cases that are measured together, and what becomes of them.
type suite struct {
	name    string // of its file of results
	repeats int    // where the options do not say
	cases   []benchCase
	goals   func(*report) []measure.Goal
	table   func(*report) measure.Table
	section measure.Section // of the document
}

var suites = []suite{
	{"bench", 5, cases, goals, (*report).table, measure.SectionOf("figures", "./lab/bench")},
	{"destinations", 3, destinationCases(), destinationGoals, destinationTable, measure.SectionOf("destination figures", "./lab/bench")},
}

func (s suite) file(o options) string { return filepath.Join(o.out, s.name+".json") }
