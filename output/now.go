package output

import "time"

// Now is the time that Path.At counts in: the same for all connections of the process,
// never stepped.
func Now() time.Duration { return time.Since(begun) }

//nolint:gochecknoglobals // never written: the one moment that all samples count from
var begun = time.Now()
