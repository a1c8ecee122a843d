package rate

import "time"

// baseDelay is the least delay of the last 30 s: long enough for the queue to have
// been empty once, short enough for a hand-over not to be held against the path.
type baseDelay struct {
	slots [10]time.Duration // least delay of 3 s each; 0: none
	slot  int
	from  time.Duration // when the current slot began
}

const slotTime = 3 * time.Second

// learn takes a delay.
func (b *baseDelay) learn(at, delay time.Duration) {
	if since := at - b.from; since < 0 || since >= slotTime {
		b.from = at
		b.slot = (b.slot + 1) % len(b.slots)
		b.slots[b.slot] = 0
	}
	if delay > 0 && (b.slots[b.slot] == 0 || delay < b.slots[b.slot]) {
		b.slots[b.slot] = delay
	}
}

// forget begins again with delay: the path is another one.
func (b *baseDelay) forget(at, delay time.Duration) {
	*b = baseDelay{from: at}
	b.learn(at, delay)
}

func (b *baseDelay) least() time.Duration {
	var least time.Duration
	for _, d := range b.slots {
		if d > 0 && (least == 0 || d < least) {
			least = d
		}
	}
	return least
}
