package fault_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/kinds"
)

// maxGrowth bounds what the heap may grow by while all faults are played at once: a
// flood that was kept would pass it within a second or two.
const maxGrowth = 256 << 20

// tries is how often a cell is played at most when something is wrong and the machine
// stood still meanwhile: limits of a second then say nothing of the product.
const tries = 3

// pushKinds are those that push, by name.
func pushKinds() map[string]output.Kind {
	all := map[string]output.Kind{}
	for _, k := range kinds.All() {
		if k.Direction == output.Push {
			all[k.Name] = k
		}
	}
	return all
}

// TestTheTableIsWhole: every kind of push has a word on every fault.
func TestTheTableIsWhole(t *testing.T) {
	_, names, _, err := parseTable()
	require.NoError(t, err)
	for name := range pushKinds() {
		if !slices.Contains(names, name) {
			t.Errorf("kind %s has no column", name)
		}
	}
	if len(names) != len(pushKinds()) {
		t.Errorf("%d columns, %d kinds", len(names), len(pushKinds()))
	}
}

// TestTable plays every fault to every kind of push, through its real life cycle, all
// on one programme. See expectations.
func TestTable(t *testing.T) {
	faults, names, cells, err := parseTable()
	require.NoError(t, err)
	r := startReceivers(t)
	st := startStudio(t)
	w, pulse := watchMemory(), startPulse(t)
	table := &table{}
	all := pushKinds()
	t.Run("cells", func(t *testing.T) {
		for _, name := range faults {
			for _, f := range families(r) {
				want := cells[name][f.kind]
				if !slices.Contains(names, f.kind) || want.reason != "" {
					continue
				}
				t.Run(name+"/"+f.kind, func(t *testing.T) {
					t.Parallel()
					defer w.note(name + "/" + f.kind)()
					var (
						out      outcome
						problems []string
					)
					for try := 1; try <= tries; try++ {
						begin := time.Now()
						if out, problems = cell(t, st, r, all[f.kind], f, name, want); problems == nil || !pulse.stopped(begin) {
							break
						}
						t.Logf("the machine stood still meanwhile: %q", problems)
					}
					for _, p := range problems {
						t.Error(p)
					}
					table.add(out)
				})
			}
		}
	})
	if grown, during := w.stop(); grown > maxGrowth {
		t.Errorf("the heap grew by %d MB, during %q", grown>>20, during)
	} else {
		t.Logf("the heap grew by at most %d MB", grown>>20)
	}
	n, longest := st.written()
	t.Logf("%d packets were written to the hub, the slowest in %v", n, longest)
	if missed := st.verdict(); missed != "" {
		t.Errorf("the healthy destination: %s", missed)
	}
	t.Logf("\n%s", table.text(faults, names))
	if *docs != "" && !t.Failed() {
		require.NoError(t, table.write(*docs, faults, names, cells))
	}
}
