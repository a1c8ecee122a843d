// Package machine is the console for programs: a line protocol over a serial port, a
// Unix socket or TCP. The box tells its whole state when somebody comes and then what
// changes; the client has commands done and is told of each whether it was, or why
// not. docs/serial-protocol.md is the contract with the other side.
//
// A message is a line of ASCII: a verb, words, and mostly a JSON body.
//
//	box     HELLO {"protocol":1,"product":"encoderbox","version":"1.4","host":"box",…}
//	box     STATE 1 1 {"hostname":"box","streams/main/input/state":"running",…}
//	box     CHANGE {"streams/main/destinations/youtube/state":"active"}
//	box     EVENT {"sequence":12,"severity":"info","subject":"input",…}
//	client  DO 17 destination pause youtube
//	box     ACK 17 {"text":""}
//	client  DO 18 {"command":"reset","args":{},"confirmed":1}
//	box     NACK 18 confirm {"code":"confirm","error":"Really?"}
//	client  EXIT
//	box     BYE
//
// Nothing waits in a queue for a slow reader but answers to its own commands, of which
// it can have a bounded number: what has changed is made out when it can be sent, from
// the state that the client was told last to the newest one.
package machine

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// Protocol is the version of the protocol. It rises when a client of an older one
// would be misled; new verbs of the box, new keys and new codes do not do that.
const Protocol = 1

const (
	// MaxLine bounds a line from the client, bytes.
	MaxLine = 64 << 10
	// authLine bounds it before the token.
	authLine = 1 << 10
	// defaultLine bounds the lines of the box until the client asks for longer ones.
	defaultLine, leastLine = 4 << 10, 1 << 10

	// every spaces the changes that are told, which coalesce.
	every, leastEvery, mostEvery = 250 * time.Millisecond, 50 * time.Millisecond, time.Hour
	// beat is how long the box is silent at most.
	// endBeat takes its place once the client's side has ended, which may have been all
	// of the client: only a write tells.
	beat, endBeat = 10 * time.Second, time.Second
	// authTime is what a client has for its token; authDelay what a wrong one costs.
	authTime, authDelay = 10 * time.Second, time.Second

	// jobs bounds the commands of a session that wait, long those that run beside.
	jobs, long = 64, 4
	// events bounds those that are told at a time, before answers have their turn.
	events = 32
)

// State is what sessions tell: a status.Store.
type State interface {
	Watch() (*status.Snapshot, <-chan struct{})
	Events(since uint64) ([]status.Event, <-chan struct{})
}

// Server is what all sessions have in common.
type Server struct {
	State   State
	Table   *control.Table
	Product string // as HELLO names it
	Log     *slog.Logger

	flattened shared
}

// Options of a session.
type Options struct {
	// Caller is who asks; Role bounds what is done.
	Caller control.Caller
	// Token must be sent first (AUTH); "" asks for none.
	Token string
	// Silence is how long a client may say nothing, not even PONG, before it is given
	// up; 0 for ever.
	Silence time.Duration
	// Stall is how long it may take nothing that is sent; 0 for ever.
	Stall time.Duration
	// Interrupt has a Read or Write that waits on the connection return. nil uses its
	// SetDeadline, or its Close.
	Interrupt func()

	admitted func() // called when the token was right; nil: nobody needs to know
}

// Errors of Serve that somebody may want to tell apart.
var (
	ErrToken   = errors.New("machine: no token, or a wrong one")
	ErrSilence = errors.New("machine: the client has gone silent")
)

// Serve talks with one client until it says EXIT or ends its side, then finishes what
// it was asked to do, and returns nil. With ctx, or when the connection fails, it
// gives up what is under way and returns why. It does not close the connection (but
// see Options.Interrupt), and nothing of it runs any more once it has returned. rest
// is what the client had sent behind EXIT.
func (s *Server) Serve(ctx context.Context, conn io.ReadWriter, o Options) (rest []byte, err error) {
	w, err := newWire(conn, o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		w.wake()
	})
	defer func() {
		if !stop() {
			<-woken
		}
		w.reset()
		cancel(nil)
	}()
	x := newSession(s, w, o, cancel)
	if err := x.admit(ctx); err != nil {
		return nil, reason(ctx, err)
	}
	if o.admitted != nil {
		o.admitted()
	}
	if err := x.run(ctx); err != nil {
		return nil, reason(ctx, err)
	}
	return x.lines.rest(), nil
}

// reason is why a session ended: a read that was woken up is not.
func reason(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
