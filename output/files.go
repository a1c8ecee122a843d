package output

import (
	"context"
	"io"
	"time"
)

// Files is a place that takes whole files by name: an HTTP origin, a bucket.
// Kinds that deliver segments open one; output/forward feeds it. Its methods may
// be called from several goroutines at once.
type Files interface {
	// Put stores a file and returns nil once the receiver has said that it has
	// it. An error is an *AnswerError where the receiver said no; any other error
	// that is not ErrNotSent leaves open whether the file is there.
	Put(context.Context, File) error
	// Stat asks what the receiver has under a name: fs.ErrNotExist when nothing,
	// errors.ErrUnsupported when it does not tell.
	Stat(ctx context.Context, name string) (FileInfo, error)
	// Delete removes a file; one that is not there is no error.
	Delete(ctx context.Context, name string) error
	// Close lets go of all connections.
	Close() error
}

// File is one to be stored.
type File struct {
	Name string
	Type string // media type
	// Volatile says that the name is used again with other content, as a
	// playlist's is; other files are never changed once they are there.
	Volatile bool
	// New asks the receiver to refuse (412) when something has that name already.
	New bool
	// Size is -1 where it is not known before the end: the body is sent in chunks
	// as it comes.
	Size int64
	// Open has the content. It is called again for every attempt.
	Open func() (io.ReadCloser, error)
	// Pace, if any, waits until n more bytes may be sent.
	Pace func(ctx context.Context, n int) error
}

// FileInfo is what a receiver tells of a file.
type FileInfo struct {
	Size int64  // -1: not told
	ETag string // as sent, quotes and all; may be empty
}

// AnswerError is a receiver's no, in words for the person who reads status.
type AnswerError struct {
	Status     int           // of HTTP
	Cause      string        // auth, path, too_large, full, busy, server, rejected
	RetryAfter time.Duration // as asked for; 0: not said
	Text       string
}

// Error implements error.
func (a *AnswerError) Error() string { return a.Text }

// Lasting says that the same request will be refused until somebody changes
// something: the address, the password, the server.
func (a *AnswerError) Lasting() bool { return a.Cause != "busy" && a.Cause != "server" }

// Is makes a lasting no an ErrRejected.
func (a *AnswerError) Is(target error) bool { return target == ErrRejected && a.Lasting() }
