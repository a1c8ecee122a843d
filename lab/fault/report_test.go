package fault_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/forward"
	"github.com/encoderbox/encoderbox/output/push"
)

// table collects the outcomes.
type table struct {
	mu  sync.Mutex // guards the field below
	all []outcome
}

func (t *table) add(o outcome) {
	switch forward.State(o.state) { // as the status of all destinations has it
	case forward.Retrying, forward.Failed: // which is tried again too
		o.state = string(push.Reconnecting)
	case forward.Live, forward.Behind:
		o.state = string(push.Active)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, o)
}

// sorted are the outcomes in the order of faults and kinds.
func (t *table) sorted(faults, kinds []string) []outcome {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.SortFunc(t.all, func(a, b outcome) int {
		if d := slices.Index(faults, a.fault) - slices.Index(faults, b.fault); d != 0 {
			return d
		}
		return slices.Index(kinds, a.kind) - slices.Index(kinds, b.kind)
	})
	return slices.Clone(t.all)
}

// text is the table for a terminal.
func (t *table) text(faults, kinds []string) string {
	var b strings.Builder
	for _, o := range t.sorted(faults, kinds) {
		fmt.Fprintf(&b, "%-10s %-24s %-13s %-9s %6.2fs  %s\n", o.kind, o.fault, o.state, o.cause, o.back.Seconds(), o.words)
	}
	return b.String()
}

// causeForPeople is one of the nine causes, with output/forward's finer one.
func causeForPeople(cause string) string {
	if cause == "" {
		return "–"
	}
	if !slices.Contains(output.Causes(), output.Cause(cause)) {
		return string(output.CauseRejected) + " (" + cause + ")"
	}
	return cause
}

// What differs from cell to cell and says nothing.
var (
	addressPattern = regexp.MustCompile(`127\.0\.0\.1:\d+|nowhere\.invalid:\d+`)
	filePattern    = regexp.MustCompile(`\b(video|audio)_\w+\.(m4s|mp4)\b|[a-z_]+\.(m3u8|mpd)\b`)
	trackPattern   = regexp.MustCompile(`^(video|audio): `)
	localPattern   = regexp.MustCompile(`HOST:PORT->`)
	pathPattern    = regexp.MustCompile(`/live/one[^\s:]*|/127-0-0-1-\d+`)
)

// wordsForPeople are an error's words without what is the cell's own.
func wordsForPeople(words string) string {
	if _, after, ok := strings.Cut(words, ": "); ok { // the URL, which the status shows beside
		words = after
	}
	words = trackPattern.ReplaceAllString(words, "")
	words = filePattern.ReplaceAllString(words, "FILE")
	words = pathPattern.ReplaceAllString(words, "/PATH")
	words = localPattern.ReplaceAllString(addressPattern.ReplaceAllString(words, "HOST:PORT"), "")
	return strings.NewReplacer("|", "\\|", "<", "&lt;", "*", "\\*").Replace(words)
}

// line is a row of the document: kinds that make the same of a fault.
type line struct {
	fault, state, cause, words string
	kinds                      []string
	least, most                time.Duration
}

func lines(all []outcome) (rows []*line) {
	for _, o := range all {
		n := line{fault: o.fault, state: o.state, cause: causeForPeople(o.cause), words: wordsForPeople(o.words)}
		i := slices.IndexFunc(rows, func(r *line) bool {
			return r.fault == n.fault && r.state == n.state && r.cause == n.cause && r.words == n.words
		})
		if i < 0 {
			n.least, n.most = o.back, o.back
			rows, i = append(rows, &n), len(rows)
		}
		r := rows[i]
		r.kinds = append(r.kinds, o.kind)
		r.least, r.most = min(r.least, o.back), max(r.most, o.back)
	}
	return rows
}

func (r *line) markdown() string {
	back := fmt.Sprintf("%.1f s", r.most.Seconds())
	if r.most-r.least >= 100*time.Millisecond {
		back = fmt.Sprintf("%.1f to %s", r.least.Seconds(), back)
	}
	if r.words == "" {
		r.words, back = "does no harm", "–"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", r.fault, strings.Join(r.kinds, ", "), r.state, r.cause, r.words, back)
}

// The table stands between these lines of the document.
const (
	faultsBegin = "<!-- faults: written by TestTable of lab/fault with -docs, do not edit -->"
	faultsEnd   = "<!-- end of faults -->"
)

// write replaces the table of a document.
func (t *table) write(file string, faults, kinds []string, cells map[string]map[string]expected) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), faultsBegin+"\n")
	_, after, ok2 := strings.Cut(rest, faultsEnd)
	if !ok || !ok2 {
		return fmt.Errorf("%s: no lines %q and %q to write the table between", file, faultsBegin, faultsEnd)
	}
	var b strings.Builder
	all := t.sorted(faults, kinds)
	fmt.Fprintf(&b, "\nMeasured on %s: %d faults of %d kinds at once on one programme of %d Mb/s, beside which another destination lost no packet. "+
		"write_timeout was %v, connect_timeout %v, retry_timeout %v, retry_max %v: with the defaults it takes longer. "+
		"*Back* is the time from the fault's end until the destination was active again.\n\n",
		time.Now().Format("2 January 2006"), len(all), len(kinds), programmeRate/1_000_000, writeTime, connectTime, retryDelay, retryMax)
	b.WriteString("| the receiver | kinds | state | cause | words | back |\n|---|---|---|---|---|---|\n")
	for _, r := range lines(all) {
		b.WriteString(r.markdown())
	}
	b.WriteString("\nWhat is not in the table cannot be:\n\n")
	for _, why := range notApplicable(faults, kinds, cells) {
		b.WriteString(why)
	}
	return os.WriteFile(file, []byte(before+faultsBegin+"\n"+b.String()+"\n"+faultsEnd+after), 0o644)
}

// notApplicable lists, for each reason, which kinds and faults it is of.
func notApplicable(faults, kinds []string, cells map[string]map[string]expected) (all []string) {
	var letters []string
	for letter := range reasons {
		letters = append(letters, letter)
	}
	slices.Sort(letters)
	for _, letter := range letters {
		var whose, what []string
		for _, fault := range faults {
			for _, kind := range kinds {
				if cells[fault][kind].reason != reasons[letter] {
					continue
				}
				if !slices.Contains(whose, kind) {
					whose = append(whose, kind)
				}
				if !slices.Contains(what, fault) {
					what = append(what, fault)
				}
			}
		}
		all = append(all, fmt.Sprintf("- %s (%s): %s.\n", strings.Join(whose, ", "), strings.Join(what, "; "), reasons[letter]))
	}
	return all
}
