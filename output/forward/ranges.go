package forward

import (
	"slices"
	"sort"
)

// span is the sequence numbers from first to last, both included.
type span struct{ first, last uint64 }

func (s span) count() uint64 { return s.last - s.first + 1 }

// ranges is a set of sequence numbers: spans in order that do not touch. An
// outage more is a span more, however long it was.
type ranges []span

// maxSpans bounds a cursor: a link that breaks every minute leaves so many
// holes before the oldest are given up.
const maxSpans = 512

// find is the index of the first span that ends at n or later.
func (r ranges) find(n uint64) int {
	return sort.Search(len(r), func(i int) bool { return r[i].last >= n })
}

func (r ranges) contains(n uint64) bool {
	i := r.find(n)
	return i < len(r) && r[i].first <= n
}

// after is the first number from n on that is not in the set.
func (r ranges) after(n uint64) uint64 {
	if i := r.find(n); i < len(r) && r[i].first <= n {
		return r[i].last + 1
	}
	return n
}

// add puts a span in, which may overlap what is there.
func (r ranges) add(s span) ranges {
	i := r.find(s.first)
	if i > 0 && r[i-1].last+1 == s.first {
		i--
	}
	j := i
	for ; j < len(r) && r[j].first <= s.last+1 && (s.last+1 != 0); j++ {
		s.first, s.last = min(s.first, r[j].first), max(s.last, r[j].last)
	}
	return slices.Replace(r, i, j, s)
}

// missing is the first hole from n on, up to last; false when there is none.
func (r ranges) missing(n, last uint64) (span, bool) {
	i := r.find(n)
	if i < len(r) && r[i].first <= n {
		if n = r[i].last + 1; n == 0 {
			return span{}, false
		}
		i++
	}
	if n > last {
		return span{}, false
	}
	hole := span{n, last}
	if i < len(r) {
		hole.last = min(last, r[i].first-1)
	}
	return hole, true
}

// shrink closes the oldest holes of a set that has become too large, and says
// what was given up.
func (r ranges) shrink() (ranges, []span) {
	var lost []span
	for len(r) > maxSpans {
		lost = append(lost, span{r[0].last + 1, r[1].first - 1})
		r[1].first = r[0].first
		r = slices.Delete(r, 0, 1)
	}
	return r, lost
}
