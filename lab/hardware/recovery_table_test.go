package hardware

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// recovery is what the receivers saw of a fault.
type recovery struct {
	Fault  string
	Slate  bool          // it was on the air
	Reason string        // that it gave, where the test waited for it
	Hole   time.Duration // the longest time from one picture to the next
	Back   time.Duration // from the fault's end to the device's first picture, where the slate was on
}

// recoveries collects them. It is safe for concurrent use.
type recoveries struct {
	mu     sync.Mutex // guards the fields below
	all    []recovery
	kernel string // of the box
}

func (r *recoveries) add(one recovery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, one)
}

// on notes the box's kernel.
func (r *recoveries) on(kernel string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kernel = kernel
}

// markdown is a table of the medians.
func (r *recoveries) markdown() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	b.WriteString("| fault | in the picture's place | longest time without a picture | the device's picture after the fault's end |\n|---|---|---|---|\n")
	seen := map[string]bool{}
	for _, one := range r.all {
		if seen[one.Fault] {
			continue
		}
		seen[one.Fault] = true
		b.WriteString(r.row(one.Fault))
	}
	return b.String()
}

func (r *recoveries) row(fault string) string {
	var holes, backs []time.Duration
	place := "the picture before"
	for _, one := range r.all {
		if one.Fault != fault {
			continue
		}
		holes = append(holes, one.Hole)
		if one.Slate {
			backs = append(backs, one.Back)
			if place = "slate"; one.Reason != "" {
				place += ": " + strings.ReplaceAll(one.Reason, "_", " ")
			}
		}
	}
	back := "–"
	if len(backs) > 0 {
		back = seconds(median(backs))
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", fault, place, seconds(median(holes)), back)
}

func median(of []time.Duration) time.Duration {
	slices.Sort(of)
	return of[len(of)/2]
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// The table stands between these lines of the document.
const (
	recoveryBegin = "<!-- recovery: written by TestRecovery of lab/hardware with -docs, do not edit -->"
	recoveryEnd   = "<!-- end of recovery -->"
)

// write replaces the table of a document.
func (r *recoveries) write(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), recoveryBegin+"\n")
	_, after, ok2 := strings.Cut(rest, recoveryEnd)
	if !ok || !ok2 {
		return fmt.Errorf("%s: no lines %q and %q to write the table between", file, recoveryBegin, recoveryEnd)
	}
	note := fmt.Sprintf("\nMeasured on %s in the virtual box, which QEMU emulates (Linux %s, 320x180 and 640x480 at 15 frames a second); medians over rounds: %d. "+
		"The machine did other work too. In steady state a picture comes every 0.07 s.\n\n", time.Now().Format("2 January 2006"), r.kernel, *recoveryRounds)
	return os.WriteFile(file, []byte(before+recoveryBegin+"\n"+note+r.markdown()+"\n"+recoveryEnd+after), 0o644)
}
