// Package status is the one picture of the box that every surface renders: an
// immutable snapshot of what runs and how well, and beside it a sequenced log
// of events, since snapshots coalesce transitions. Components report into a
// Store; surfaces read it and never ask a component.
package status

import "time"

// Snapshot is the state of the whole box at one moment. Once published it is
// never changed. Its JSON form is the body of GET /api/v1/status.
type Snapshot struct {
	Sequence   uint64             `json:"sequence"` // rises with every snapshot
	Time       time.Time          `json:"time"`
	Version    string             `json:"version"`
	Hostname   string             `json:"hostname"`
	Started    time.Time          `json:"started"`
	Process    Process            `json:"process"`
	Network    []NetworkInterface `json:"network"`    // by name
	Streams    []Stream           `json:"streams"`    // by name
	Conditions []Condition        `json:"conditions"` // of the box as a whole
	Presets    []Preset           `json:"presets"`    // by name
	// MediaPresets are the names of files on removable media that may be presets.
	MediaPresets []string `json:"media_presets"`
}

// Process is what the daemon itself uses.
type Process struct {
	CPUPercent float64 `json:"cpu_percent"` // of one core, over the last sample
	RSS        uint64  `json:"rss_bytes"`
	Goroutines int     `json:"goroutines"`
}

// Severity orders conditions.
type Severity string

// The severities.
const (
	Info    Severity = "info"
	Warning Severity = "warning" // works, but worse than configured
	Error   Severity = "error"   // something configured does not work
)

// Condition is something that holds now and that a person should know.
type Condition struct {
	Code     string    `json:"code"` // stable, dotted: "input.failed", "segment.forced_cut"
	Severity Severity  `json:"severity"`
	Message  string    `json:"message"` // one line: the thing, and what to do
	Since    time.Time `json:"since"`
}

// Stream is one programme: an input, its encoding, and its ways out.
type Stream struct {
	Name         string        `json:"name"`
	Default      bool          `json:"default"`           // the one served at the short addresses
	OffAir       string        `json:"off_air,omitempty"` // who stopped it: "stopped by 192.168.1.20"; "" on the air
	Input        Input         `json:"input"`
	Video        *Video        `json:"video"` // null when the programme has none
	Audio        *Audio        `json:"audio"`
	Rate         *Rate         `json:"rate"`         // null while nothing is encoded here
	HLS          *HLS          `json:"hls"`          // null when there are no segments
	Storage      *Storage      `json:"storage"`      // null without storage.path
	Recording    *Recording    `json:"recording"`    // likewise
	Destinations []Destination `json:"destinations"` // by name
	Groups       []Group       `json:"groups"`       // of destinations, by name
	Conditions   []Condition   `json:"conditions"`
}

// InputState is the state of a source.
type InputState string

// The input states.
const (
	InputStarting InputState = "starting"
	InputRunning  InputState = "running"
	InputRetrying InputState = "retrying" // failed; Error says why; tried again at Retry
	InputEnded    InputState = "ended"    // a file that is not looped came to its end
)

// Input is a stream's source.
type Input struct {
	Kind        string     `json:"kind"`        // "pattern", "file", "capture"
	Description string     `json:"description"` // "vtest.mp4: h264 768x576 …"
	State       InputState `json:"state"`
	Error       string     `json:"error,omitempty"`
	Retry       *time.Time `json:"retry,omitempty"`
	Dropped     uint64     `json:"dropped"` // pictures the encoder had no time for
	Signal      *Signal    `json:"signal"`  // of a capture device; null for other kinds
}

// Signal is what a capture device delivers. While it delivers nothing, the
// stream goes on with a slate that says why.
type Signal struct {
	// State is "ok", "starting", "no_signal", "unstable", "unsupported",
	// "stalled", "device_lost" or "encoder_recovering".
	State  string    `json:"state"`
	Detail string    `json:"detail,omitempty"`
	Since  time.Time `json:"since"`
	Device string    `json:"device"` // "tc358743 (platform:fe801000.csi)"
	// What arrives, before it is fitted to the stream; zero without a signal.
	Width     int     `json:"width"`
	Height    int     `json:"height"`
	FrameRate float64 `json:"frame_rate"`
	Pixel     string  `json:"pixel"` // "NV12"
	// Transfer is "zero-copy" where the device writes the encoder's own memory,
	// "one copy" where the daemon converts each picture, "" before the first.
	Transfer       string `json:"transfer"`
	TransferReason string `json:"transfer_reason,omitempty"` // why not zero-copy
	Slate          bool   `json:"slate"`                     // it is on the air
	Losses         uint64 `json:"losses"`                    // times the signal was lost
	SlateFrames    uint64 `json:"slate_frames"`
	Frames         uint64 `json:"frames"`  // of the device, sent
	Skipped        uint64 `json:"skipped"` // of the device, damaged or without free memory
}

// Video is the encoded video of a stream.
type Video struct {
	Codec     string  `json:"codec"`   // RFC 6381: "avc1.42c01f"
	Encoder   string  `json:"encoder"` // "openh264 (software)", "passthrough"
	Width     int     `json:"width"`
	Height    int     `json:"height"`
	FrameRate float64 `json:"frame_rate"` // measured
	Bitrate   int     `json:"bitrate"`    // measured, bits per second
	Target    int     `json:"target"`     // set, 0 for passthrough
	Frames    uint64  `json:"frames"`
	KeyFrames uint64  `json:"key_frames"`
	// Pictures that came and were not coded, since a link carries less (Rate): Divided
	// for a lower picture rate, Skipped while none was to be coded. They are not lost.
	Divided uint64 `json:"divided"`
	Skipped uint64 `json:"skipped"`
	// Hardware is what the hardware encoder tells; null for others.
	Hardware *HardwareEncoder `json:"hardware"`
}

// HardwareEncoder is how a hardware encoder fares.
type HardwareEncoder struct {
	Device       string `json:"device"` // "/dev/video11"
	Driver       string `json:"driver"` // "bcm2835-codec"
	Healthy      bool   `json:"healthy"`
	Recoveries   uint64 `json:"recoveries"`    // it hung or failed, and was opened anew
	Restarts     uint64 `json:"restarts"`      // for a change that it does not make while it runs
	ErrorBuffers uint64 `json:"error_buffers"` // pictures it could not code
	Skipped      uint64 `json:"skipped"`       // pictures it left out
	// How it takes changes, as measured: "yes", "refused: restarts", "ignored:
	// restarts", or "" as long as nobody knows.
	LiveBitrate string `json:"live_bitrate"`
	LiveKey     string `json:"live_key"`
}

// Audio is the encoded audio of a stream.
type Audio struct {
	Codec      string `json:"codec"`   // "mp4a.40.2"
	Encoder    string `json:"encoder"` // "aac (software)", "passthrough", "silence"
	SampleRate int    `json:"sample_rate"`
	Channels   int    `json:"channels"`
	Bitrate    int    `json:"bitrate"` // measured
}

// HLS is a stream's segments and playlists.
type HLS struct {
	URL             string  `json:"url"`            // path on this box: "/hls/main/index.m3u8"; "" when HLS is not served
	DASH            string  `json:"dash,omitempty"` // path on this box; "" when DASH is not served
	Segments        int     `json:"segments"`
	FirstSequence   uint64  `json:"first_sequence"`
	LastSequence    uint64  `json:"last_sequence"`
	LastDuration    float64 `json:"last_duration"` // seconds
	TargetDuration  float64 `json:"target_duration"`
	WindowBytes     uint64  `json:"window_bytes"`
	WindowDuration  float64 `json:"window_duration"`
	Dropped         uint64  `json:"dropped"` // packets lost before the segmenter
	Discontinuities uint64  `json:"discontinuities"`
}

// Storage is what a stream keeps on storage.
type Storage struct {
	Path           string `json:"path"`
	Files          int    `json:"files"`
	Recordings     int    `json:"recordings"` // of them
	Bytes          int64  `json:"bytes"`
	RecordingBytes int64  `json:"recording_bytes"`
	Free           uint64 `json:"free_bytes"`
	Writing        string `json:"writing,omitempty"` // the file being written
	Written        uint64 `json:"written_bytes"`     // to storage, since the start
	Segments       uint64 `json:"segments"`          // stored since the start
	Lost           uint64 `json:"lost"`              // segments that were to be stored and could not be
	Behind         int    `json:"behind"`            // segments that wait to be stored
	Faults         uint64 `json:"faults"`            // times that storage failed
}

// Recording is what a stream's recorder does.
type Recording struct {
	Mode    string     `json:"mode"`             // "off", "manual", "always", "schedule"
	State   string     `json:"state"`            // "idle", "recording", "waiting" (for the time of day)
	Reason  string     `json:"reason,omitempty"` // "command", "schedule", "always"
	Label   string     `json:"label,omitempty"`
	Since   *time.Time `json:"since"`
	Until   *time.Time `json:"until"` // null where no end is set
	Next    *time.Time `json:"next"`  // when the schedule begins or ends the next range
	Stopped bool       `json:"stopped"`
	File    string     `json:"file,omitempty"`
	Files   int        `json:"files"`
	Bytes   int64      `json:"bytes"`
	Seconds float64    `json:"duration_seconds"`
	Free    int64      `json:"free_bytes"`       // that recordings may still take
	Rate    int64      `json:"bytes_per_second"` // of the stream
	// Remaining seconds of recording at that rate; null while it is not known.
	Remaining *float64 `json:"remaining_seconds"`
}

// DestinationState is the state of a push.
type DestinationState string

// The states of a push destination.
const (
	Disabled     DestinationState = "disabled"   // by the configuration, paused by a person, or held by its group
	Starting     DestinationState = "starting"   // waits for the programme
	Connecting   DestinationState = "connecting" // first attempt, or waits for the other side to call
	Active       DestinationState = "active"
	Reconnecting DestinationState = "reconnecting" // waits, or tries again
	Failed       DestinationState = "failed"       // gave up (retry_limit), or its configuration cannot work
)

// Destination is one push.
type Destination struct {
	Name  string           `json:"name"`
	Kind  string           `json:"kind"`
	URL   string           `json:"url"` // without secrets
	State DestinationState `json:"state"`
	// Cause is that of the failure that reconnecting and failed follow: dns, refused,
	// tls, auth, rejected, stalled, closed, network or local.
	Cause string `json:"cause,omitempty"`
	// Reason says why the state is as it is, where that is no failure or more than
	// one: "paused by 192.168.1.20", "standby: main is active".
	Reason string `json:"reason,omitempty"`
	Paused bool   `json:"paused"` // by a person
	Held   bool   `json:"held"`   // by its group, or since its stream is off the air
	// Shedding is what the bit rate policy leaves out for now: "video", "all", or
	// "backlog" of one that takes segments.
	Shedding    string     `json:"shedding,omitempty"`
	Breaker     string     `json:"breaker,omitempty"` // "open": left alone; "half_open": one attempt decides
	Alarm       string     `json:"alarm,omitempty"`   // less than min_bitrate is sent
	Attempts    uint64     `json:"attempts"`
	ConnectedAt *time.Time `json:"connected_at,omitempty"`
	NextAttempt *time.Time `json:"next_attempt,omitempty"`
	Bytes       uint64     `json:"bytes"`   // sent since the destination was started, all connections
	Bitrate     int        `json:"bitrate"` // sent over the last seconds, bits per second
	Dropped     uint64     `json:"dropped"` // packets this destination was too slow for
	Queue       Queue      `json:"queue"`   // waiting to be sent now
	LatencyP99  float64    `json:"p99_ms"`  // encoder output to socket write, ms, recent
	RTT         float64    `json:"rtt_ms"`  // 0 where the transport does not tell
	// What the transport says of the connection; 0 where it does not tell.
	Retransmitted uint64       `json:"retransmitted"` // packets
	Lost          uint64       `json:"lost"`          // packets it gave up on
	Outstanding   uint64       `json:"outstanding"`   // bytes not acknowledged yet
	InFlight      uint64       `json:"in_flight"`     // packets not acknowledged yet
	Buffered      float64      `json:"buffered_ms"`   // of programme in the sender's buffer
	Bandwidth     int          `json:"bandwidth"`     // that the link is believed to take, bits per second
	Errors        []TimedError `json:"errors"`        // the last five, newest first
	// Forward is how far a destination that takes segments has been served; null for
	// those that take packets.
	Forward *Forward `json:"forward"`
}

// Forward is how far a destination has been served that gets later what could not
// be sent in time.
type Forward struct {
	State    string     `json:"state"` // "live", "behind", "retrying", …
	Text     string     `json:"text"`  // "behind by 3m12s, 96 MB"
	AtLive   bool       `json:"at_live"`
	Cause    string     `json:"cause,omitempty"`
	Lag      float64    `json:"lag_seconds"` // of programme that waits
	Bytes    int64      `json:"lag_bytes"`
	Segments uint64     `json:"lag_segments"`
	Oldest   *time.Time `json:"oldest,omitempty"`
	Stored   bool       `json:"stored"` // waits on storage
	Sent     uint64     `json:"sent_segments"`
	Retries  uint64     `json:"retries"`
	Verified uint64     `json:"verified"` // files that the server had already
	Skipped  uint64     `json:"skipped"`  // segments that were gone before they could be sent
}

// Queue is a bounded queue's fill.
type Queue struct {
	Packets int `json:"packets"`
	Bytes   int `json:"bytes"`
}

// TimedError is something that went wrong once.
type TimedError struct {
	Time    time.Time `json:"time"`
	Message string    `json:"message"`
	Cause   string    `json:"cause,omitempty"` // of a destination's
}

// Group is destinations that depend on each other.
type Group struct {
	Name    string   `json:"name"`
	Policy  string   `json:"policy"`  // "independent", "all", "primary_backup"
	Members []string `json:"members"` // in their order
	Minimum int      `json:"minimum"`
	Active  int      `json:"active"`
	Text    string   `json:"text"`            // "spare stands in for main"
	Alarm   string   `json:"alarm,omitempty"` // fewer than minimum are active
}

// Event is one transition, for the log and for GET /api/v1/events.
type Event struct {
	Sequence uint64    `json:"sequence"`
	Time     time.Time `json:"time"`
	Severity Severity  `json:"severity"`
	Stream   string    `json:"stream,omitempty"`
	Subject  string    `json:"subject"`         // "destination youtube", "input"
	Message  string    `json:"message"`         // "active", "reconnecting: connection refused"
	Cause    string    `json:"cause,omitempty"` // of a destination's failure
}
