// Package control is the one set of things that people can have the box do: Commands
// with typed arguments, help, the role they need and the questions that must be
// answered first. The console's and encoderctl's completion, the HTTP API and the
// panel's menu are made of a Table of them, and none of these does anything else.
//
// A surface (panel, console, machine line protocol, HTTP API, Unix socket) reads the
// state from a status.Store and gives what its people want to Table.Do.
package control

import (
	"context"
	"fmt"

	"github.com/encoderbox/encoderbox/device/status"
)

// Role is what somebody may do. A higher one may do what a lower one may.
type Role int

// The roles.
const (
	Viewer   Role = iota + 1 // look
	Operator                 // go on and off the air, record
	Admin                    // everything
)

var roleNames = map[Role]string{Viewer: "viewer", Operator: "operator", Admin: "admin"}

func (r Role) String() string {
	if n, ok := roleNames[r]; ok {
		return n
	}
	return fmt.Sprintf("role %d", int(r))
}

// MarshalText implements encoding.TextMarshaler.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Surface is the way in which somebody asks.
type Surface string

// The surfaces.
const (
	Panel   Surface = "panel"
	Console Surface = "console"
	Machine Surface = "machine"
	API     Surface = "api"
	Socket  Surface = "socket"
)

// Caller is who asks. Events name it.
type Caller struct {
	Name    string  // as others are told: "the front panel", "192.168.1.20"
	Surface Surface // where it asks
	Role    Role
	// Session tells callers of one name on one surface apart, such as two programs on the
	// box: who has another one has a candidate of its own. It may be "".
	Session string
}

// Command is one thing that the box can be asked to do. It is immutable.
type Command struct {
	// Name is one to three lower-case words, unique, the thing before the action:
	// "destination pause". No name is the beginning of another at a word's end.
	Name string
	// Help is one line, without a period: "End a destination's connection until resume".
	Help string
	Args []Arg
	Role Role
	// Confirm are questions that must be answered with yes, in their order, before it
	// runs: "All settings are lost. Reset to factory defaults?". An Ask that returns ""
	// needs no answer this time.
	Confirm []Ask
	// Long has it report its progress, which may take minutes.
	Long bool
	// Reads has it change nothing: what happens is no event.
	Reads bool
	// Except are surfaces that cannot have it, with why: the walk over the table knows.
	Except map[Surface]string
	// Run does it, with valid arguments. It must return soon after ctx ends. What it
	// changed before an error is nothing, or the error says what. Errors that are no
	// *Error are told as Failed.
	Run func(ctx context.Context, call Call) (Result, error)
}

// Ask is a question, given the arguments.
type Ask func(Args) string

// Question asks always the same.
func Question(text string) Ask { return func(Args) string { return text } }

// Call is one running of a Command.
type Call struct {
	Caller Caller
	Args   Args
	// Progress may be called from one goroutine at a time, until Run returns; it is
	// never nil and does not block.
	Progress func(Progress)
}

// Progress of a long command.
type Progress struct {
	Done  float64 `json:"done"` // 0 to 1; below 0: nobody knows
	Text  string  `json:"text"` // what is being done: "negotiate TLS"
	Bytes int64   `json:"bytes,omitempty"`
}

// Result is what came of it.
type Result struct {
	// Text is for people: one or more lines without a newline at the end, "" where
	// there is nothing to say beyond that it is done.
	Text string `json:"text"`
	// Data is for programs, as JSON; nil where Text is all.
	Data any `json:"data,omitempty"`
}

// Code is the kind of an Error, for programs.
type Code string

// The codes.
const (
	Unknown   Code = "unknown"   // no such command
	Usage     Code = "usage"     // wrong arguments
	Forbidden Code = "forbidden" // the caller's role is too low
	Confirm   Code = "confirm"   // Message is a question that must be answered first
	NotFound  Code = "not_found" // what is named does not exist
	Conflict  Code = "conflict"  // not in the present state, or somebody else was first
	Failed    Code = "failed"
)

// Error is why a command was not done.
type Error struct {
	Code     Code     `json:"code"`
	Message  string   `json:"error"`              // the thing, the place and the way out, one line
	Problems []string `json:"problems,omitempty"` // each by itself, where there are several
	Hint     string   `json:"hint,omitempty"`     // what to type instead
}

func (e *Error) Error() string { return e.Message }

// Errorf makes an Error.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Request is what somebody asks for.
type Request struct {
	Command string            `json:"command"`
	Args    map[string]string `json:"args,omitempty"` // by Arg.Name, as typed
	// Confirmed is how many of the command's questions were answered with yes.
	Confirmed int `json:"confirmed,omitempty"`
	// Progress may be nil.
	Progress func(Progress) `json:"-"`
}

// State is where completion takes names from.
type State interface {
	Load() *status.Snapshot
}
