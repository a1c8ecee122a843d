package segment

import "time"

// Gap is a part of wall-clock time of which nothing is held, and why.
type Gap struct {
	From, To time.Time
	// Cause in a word or a line, such as "disk" or "input: no signal"; never empty.
	Cause string
}
