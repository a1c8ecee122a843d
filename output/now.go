package output

import "time"

// Now is the time that Path.At counts in: the same for all connections of the process.
func Now() time.Duration { return time.Since(begun) }

var begun = time.Now()
