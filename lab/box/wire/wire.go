// Package wire is what the box's agent and the host say to each other: a
// handshake on a serial port that knows no connections, after which the port
// carries HTTP/2, whose streams are commands and files.
package wire

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	// Port is the name of the virtio port that the agent opens.
	Port = "encoderbox.agent"
	// Hello begins the line that the agent writes, with a number of its own, until the host has answered.
	Hello = "encoderbox-agent-hello "
	// Welcome begins the line that the host answers with, followed by the same number.
	Welcome = "encoderbox-agent-welcome "
	// Ready begins the agent's last line, with that number. What it said before it was answered ends
	// here: HTTP/2 follows.
	Ready = "encoderbox-agent-ready "

	// RunPath takes a POST whose body is a Run as a line of JSON and then the
	// command's input. The answer is frames, the last of which is an exit.
	RunPath = "/run"
	// SignalPath takes a POST with the parameters pid and signal (a number), for a command that runs.
	SignalPath = "/signal"
	// FilePath takes a GET, or a PUT with the parameter mode (octal), and the parameter path.
	FilePath = "/file"

	// MaxFrame is the longest payload of a frame.
	MaxFrame = 64 << 10
)

// Run is a command to be started.
type Run struct {
	Argv []string
	Env  []string // added to the agent's environment
	Dir  string   // "/tmp" when empty
}

// Exit says how a command ended.
type Exit struct {
	Code   int    // exit code, -1 when a signal ended it
	Signal int    // the signal that ended it, 0 when none did
	Error  string // why there is neither: it could not be started
}

// A Kind says what a frame carries.
type Kind byte

// The kinds of frame.
const (
	Started Kind = iota + 1 // the command runs; payload: its process id in decimal
	Stdout
	Stderr
	Exited // payload: an Exit as JSON
)

// WriteFrame writes a frame.
func WriteFrame(w io.Writer, k Kind, payload []byte) error {
	b := make([]byte, 5, 5+len(payload))
	b[0] = byte(k)
	binary.BigEndian.PutUint32(b[1:], uint32(len(payload)))
	if _, err := w.Write(append(b, payload...)); err != nil {
		return fmt.Errorf("wire: write a frame: %w", err)
	}
	return nil
}

// ReadFrame reads a frame. At the end of the stream its error is io.EOF.
func ReadFrame(r *bufio.Reader) (Kind, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > MaxFrame {
		return 0, nil, fmt.Errorf("wire: a frame of %d bytes, at most %d", n, MaxFrame)
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, fmt.Errorf("wire: read a frame: %w", err)
	}
	return Kind(head[0]), payload, nil
}
