package realtime

import "golang.org/x/sys/unix"

// urgently makes of a namespace's Do one that starts processes with real-time priority,
// where that is allowed: what is measured is to be the link, not how busy the machine
// is.
func urgently(do func(func() error) error) func(func() error) error {
	const roundRobin, lowest = 2, 1 // SCHED_RR
	return as(do, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: roundRobin, Priority: lowest})
}

// eagerly is the same for a process that needs much of a processor: it is only to come
// before others.
func eagerly(do func(func() error) error) func(func() error) error {
	const nice = -10
	return as(do, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Nice: nice})
}

// as has a process inherit how it is scheduled from the thread that starts it.
func as(do func(func() error) error, want *unix.SchedAttr) func(func() error) error {
	return func(f func() error) error {
		return do(func() error { // the thread is locked
			before, err := unix.SchedGetAttr(0, 0)
			if err == nil && unix.SchedSetAttr(0, want, 0) == nil {
				defer func() { _ = unix.SchedSetAttr(0, before, 0) }()
			}
			return f()
		})
	}
}
