package forward

import (
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/request"
)

// Causes of Status: what a person has to look at. They are finer than
// output.Cause where the receiver says more.
const (
	CauseAuth     = request.CauseAuth
	CausePath     = request.CausePath
	CauseTooLarge = request.CauseTooLarge
	CauseFull     = request.CauseFull
	CauseBusy     = request.CauseBusy
	CauseServer   = request.CauseServer
	CauseRejected = request.CauseRejected

	CauseStalled = string(output.CauseStalled)
	CauseDNS     = string(output.CauseDNS)
	CauseRefused = string(output.CauseRefused)
	CauseTLS     = string(output.CauseTLS)
	CauseClosed  = string(output.CauseClosed)
	CauseNetwork = string(output.CauseNetwork)
	CauseLocal   = string(output.CauseLocal) // the box itself: a segment that cannot be read
)
