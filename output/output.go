// Package output defines what takes a programme out of the box: pushes to
// remote receivers and services on the LAN. One folder a protocol; output/kinds
// is the table of them; output/hub is the only fan-out; output/push is the life
// cycle that all pushes share.
package output

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/url"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// Output is a running way out. Run works until ctx ends and returns only after
// everything it started has ended. It calls ready once, when it does its job
// for the first time. An Output may also have Update(spec) error for changes
// that need no restart.
type Output interface {
	Run(ctx context.Context, ready func()) error
}

// Direction says who connects.
type Direction string

// The directions.
const (
	Push  Direction = "push"  // the box connects out
	Serve Direction = "serve" // players on the LAN connect in
)

// Kind is one protocol of the table.
type Kind struct {
	Name       string // "rtmp"
	Title      string // one line for people: "RTMP publish"
	Direction  Direction
	Schemes    []string // URL schemes that choose it: "rtmp"; none for Serve
	Transports []string // "tcp", "tls", "udp", "http"
	Codecs     []media.Codec

	// Check says what is wrong with a push target before any connection is
	// made: a missing host, an option this kind does not have. Nil for Serve.
	Check func(Target) error
	// Dial connects a push target and publishes the tracks. It returns when the
	// receiver has accepted the stream, or ctx ends. Nil for Serve, and for kinds
	// that have Files.
	Dial func(ctx context.Context, t Target, tracks []*media.Track) (Conn, error)
	// Probe connects a push target, publishes nothing and ends the connection again: the
	// receiver's word that it is there and takes us, before the show. said is what it
	// found, on one line; "" says that this target cannot be probed. nil: the kind has no
	// connection of its own, or none without publishing.
	Probe func(ctx context.Context, t Target) (said string, err error)
	// Takes says which codecs the tracks given to Dial may have, at most one video
	// and one audio track, the first of the list that the stream has (hub.Options).
	// Nil means the stream's own: H.264 and AAC. A codec named here that the stream
	// does not have yet is made for it where its sound is encoded in the box.
	Takes func(Target) []media.Codec
	// Files opens a push target that takes segments and playlists as files instead
	// of packets; it makes no connection yet. output/forward runs such a kind,
	// output/push those with Dial.
	Files func(Target) (Files, error)
	// Manifests says what playlists go with the segments. For kinds with Files.
	Manifests func(Target) []string
	// Live: a connection begins with the next key picture, which is asked for, instead
	// of the pictures since the last one: for protocols that carry no delay along.
	Live bool
}

// What Kind.Manifests can name.
const (
	ManifestHLS  = "hls"
	ManifestDASH = "dash"
)

// Target is one push destination as its kind sees it.
type Target struct {
	Name    string            // the destination's name in the configuration
	URL     *url.URL          // secrets included: never log it, use Redacted
	Options map[string]string // the kind's own options, such as SRT "latency"
	// WriteTimeout is how long one Write may wait for a peer that takes no data
	// before it fails with ErrStalled.
	WriteTimeout time.Duration
	TLS          *tls.Config // trust for TLS kinds; nil means the system's roots
	Agent        string      // what the box calls itself to receivers: "encoderbox 1.2"
	Log          *slog.Logger
	// RequestKey asks the encoder for a key picture soon, where it makes them on
	// request; nil where it does not. It never blocks, and may be called from any
	// goroutine until Conn.Close has returned. A kind whose receivers ask for one
	// (RTCP PLI, FIR) calls it at most once a second.
	RequestKey func()
	// Clock is the stream's, for protocols that tell the time of day; nil where there
	// is none, as in a preflight.
	Clock *media.Clock
}

// Conn is one established push connection. One goroutine calls Write; Close
// and Stats may be called from any, and Close makes a blocked Write return.
type Conn interface {
	// Write sends one packet. It may block as long as Target.WriteTimeout.
	// ErrTrackChanged means that the connection cannot carry the packet's new
	// Track: the caller closes and dials again with it. A *ReconnectError means that
	// the receiver wants another connection. Dial may return one too.
	Write(media.Packet) error
	Stats() ConnStats
	// Close ends the publication in the protocol's own way where that is quick,
	// and frees everything. Safe to call twice.
	Close() error
}

// ConnStats are a connection's counters; what a protocol does not know is zero.
type ConnStats struct {
	BytesSent     uint64        // handed to the transport, protocol overhead included where known
	RTT           time.Duration // round trip
	Retransmitted uint64        // packets
	Lost          uint64        // packets the transport gave up on
	Outstanding   uint64        // bytes sent but not acknowledged, and not yet sent
	InFlight      uint64        // packets sent but not acknowledged
	Buffered      time.Duration // of programme in the sender's buffer
	Bandwidth     int           // bits per second that the transport believes the link takes
}
