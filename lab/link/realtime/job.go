package realtime

import (
	"time"

	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/lab/link/score"
)

// job is what a sender is to do.
type job struct {
	Ladder    string        `json:"ladder"` // folder
	Law       string        `json:"law"`
	Transport string        `json:"transport"`
	URL       string        `json:"url"`
	Limits    rate.Limits   `json:"limits"`
	Length    time.Duration `json:"length"`
	Start     int           `json:"start"` // picture of the footage to begin with
	Live      bool          `json:"live"`  // the software encoder, from the footage's begin
	Dir       string        `json:"dir"`   // for its files
}

// account is what a sender has done. Its times count from the start signal.
type account struct {
	Frames  []score.Frame   `json:"frames"` // of pictures from 0 on; Arrived is not known
	Points  []score.Point   `json:"points"`
	Samples []sampled       `json:"samples"`
	Closed  []closedSegment `json:"closed"`  // of HTTP
	Late    []time.Duration `json:"late"`    // by how much later than due pictures were given to the destination
	Payload uint64          `json:"payload"` // pictures and sound, bytes
	Written uint64          `json:"written"` // of the first connection, by the transport's own count
	Counted uint64          `json:"counted"` // Payload then
	Numbers uint64          `json:"numbers"` // connections
	Errors  []string        `json:"errors"`  // of the destination
	First   int             `json:"first"`   // the number of Frames[0]
	Footage []int           `json:"footage"` // what the camera saw in each of Frames: pictures of the ladder
}

// sampled is what a law was told, and what it said.
type sampled struct {
	At time.Duration `json:"at"` // from the start signal
	rate.Sample
	Advice     rate.Advice `json:"advice"`
	Connection uint64      `json:"connection"`
}

// closedSegment is a file that was ready to be sent.
type closedSegment struct {
	Name string        `json:"name"`
	At   time.Duration `json:"at"`
}

// ready is what a sender prints once it is connected; the start signal is a line with
// the monotonic clock's time of the scenario's moment 0, in nanoseconds.
const ready = "ready"

// after is how long a sender goes on when the scenario is over, so that its last
// pictures can arrive.
const after = 4 * time.Second
