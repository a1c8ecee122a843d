package bottleneck

import (
	"strconv"
	"time"
)

// Kind is what happened to a packet.
type Kind string

// The kinds.
const (
	Enqueue Kind = "enqueue"
	Tail    Kind = "tail"    // dropped: the queue is full
	CoDel   Kind = "codel"   // dropped: the queue has been too long for too long
	Dequeue Kind = "dequeue" // the last byte was served
	Lost    Kind = "lost"    // behind the queue
	Arrive  Kind = "arrive"
)

// Event is what happened to a packet: the truth that what senders believe is held
// against.
type Event struct {
	At   time.Duration
	Kind Kind
	Packet
	Queue int           // bytes in the queue after it
	Wait  time.Duration // in the queue: of Dequeue and CoDel
}

// Columns is the first line of a log in CSV.
const Columns = "us,kind,flow,id,size,queue,wait_us\n"

// AppendCSV appends the event as a line of CSV with the Columns.
func (e Event) AppendCSV(b []byte) []byte {
	b = strconv.AppendInt(b, e.At.Microseconds(), 10)
	b = append(append(append(b, ','), e.Kind...), ',')
	b = append(strconv.AppendInt(b, int64(e.Flow), 10), ',')
	b = append(strconv.AppendUint(b, e.ID, 10), ',')
	b = append(strconv.AppendInt(b, int64(e.Size), 10), ',')
	b = append(strconv.AppendInt(b, int64(e.Queue), 10), ',')
	return append(strconv.AppendInt(b, e.Wait.Microseconds(), 10), '\n')
}
