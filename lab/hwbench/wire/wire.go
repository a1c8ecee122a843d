// Package wire is what the hardware benchmark and its program inside the box
// tell each other.
package wire

import "time"

// Cost is what a process used while the encoder coded some pictures.
type Cost struct {
	Pictures int           `json:"pictures"`
	CPU      time.Duration `json:"cpu_ns"`    // user and system time, all threads
	User     time.Duration `json:"user_ns"`   // in ticks of 10 ms
	System   time.Duration `json:"system_ns"` // likewise
	Wall     time.Duration `json:"wall_ns"`
	Switches int           `json:"switches"` // context switches
	Bits     int           `json:"bits"`     // coded
	Threads  int           `json:"threads"`
}
