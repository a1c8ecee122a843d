package score

// Merge makes one Result of those of several streams that ran together: means of what
// is measured, sums of what is counted, the longest of times to follow.
func Merge(all []Result) Result {
	if len(all) == 0 {
		return Result{Down: -1, Back: -1}
	}
	m := all[0]
	for _, r := range all[1:] {
		for i, v := range r.means() {
			*m.means()[i] += *v
		}
		for i, v := range r.counts() {
			*m.counts()[i] += *v
		}
		m.DelayMax, m.QueueMax = max(m.DelayMax, r.DelayMax), max(m.QueueMax, r.QueueMax)
		m.Down, m.Back = max(m.Down, r.Down), max(m.Back, r.Back)
		m.OutageBad = max(m.OutageBad, r.OutageBad)
	}
	for _, v := range m.means() {
		*v /= float64(len(all))
	}
	return m
}

func (r *Result) means() []*float64 {
	return []*float64{&r.OnTime, &r.DelayP50, &r.DelayP95, &r.QueueP50, &r.QueueP95, &r.Bad, &r.Movement, &r.Goodput, &r.Usable, &r.PSNR}
}

func (r *Result) counts() []*int { return []*int{&r.Frames, &r.Late, &r.Lost, &r.Skipped} }
