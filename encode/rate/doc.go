// Package rate follows a path as this says.
//
// A transport tells, some fifty times a second, how much it was given and how much of
// that still waits for an acknowledgement (Sample). Nothing else is used, so that SRT,
// RTMP and HTTP are followed by the same law.
//
// # What is measured (meter.go)
//
// The history of (time, written) tells when a byte was written, and so how old the
// oldest one is that still waits, and how late acknowledgements come. The least delay
// of 30 s is that of the empty path (basedelay.go); what is above it is a queue, unless
//
//   - it lasted for less than 140 ms: acknowledgements come in bunches;
//   - a burst explains it: a key picture, or a segment written at once, would wait on a
//     link that carries the target, too (point.burst);
//   - packets are sent again: a gap holds up what is behind it for a round trip. How
//     often that is so is counted, and discounted (measure.repair). Loss itself is no
//     sign of anything.
//
// Whenever bytes wait without a pause for 60 ms or more, what is acknowledged meanwhile
// is what the link carries (stretch.go): a key picture tells it each GOP, without any
// queue worth the name, as long as the pacer lets more through than the target. That
// is what makes it possible to stay just under a limit without trying it again and
// again. An application-limited stretch, by its nature, never counts.
//
// # What is decided
//
//	acknowledgements   overdue: nothing for 250 ms      outage.go  frozen estimate, little is coded
//	                   flow again                                  restart at half, what piled up goes first
//	                   stand still while packets        choke.go   half, or what was carried before, and
//	                   are sent again, or given up                 half again while that lasts: no outage
//	queue, per second  over 75 ms (80 ms at least), or  cut.go     down to what is carried, less what
//	of budget          what waits takes over 20 % of it            drains the queue in 80 % of the budget
//	                   over 40 ms                                  stay
//	                   less                             grow.go    up
//
// A cut waits until bytes that were written after the last one have been heard of,
// unless it is plain that the link carries far less. How sure a cut is of the last
// moment rather than of the last second depends on how much time there is left. A queue
// that two cuts do not shorten is the delay of another way: a hand-over.
//
// Nothing is cut while acknowledgements stand still, nor by what was acknowledged around that,
// nor by more than half while bytes have waited for a moment only: a box, or a receiver, that
// does not get to run for a tenth of a second is no slow link, and one that changes masts is
// as fast as before. A cut is taken back when what came through since shows that it was for
// nothing (regret.go). While the round trip is that of an empty path, what waits is not on the
// way, and is sat out for 0.4 s: BBR sends next to nothing for 200 ms each 10 s. Nor is the pace ever so low that what waits
// would take half of the budget, as long as nothing is lost.
//
// Growth is fast (35 % a second) up to 88 % of what the link is known to carry, slow from
// there, and ends at 97 %. That is less the more single measures differ (estimate.go). When
// nothing has been measured for some seconds, more is tried, in small steps. Below 3 % no
// increase is issued.
//
// The encoder is not believed either: what it puts out of what it is told is measured,
// and every rate is divided by that (Controller.gain). One that does not use 75 % of its
// target gets no more.
//
// # Segments (segment.go, segment_meter.go)
//
// A path that is given whole segments (Sample.Segment) is idle between them, by its nature,
// and full while one is on its way. What an upload comes to, from its first acknowledgement
// to its last, is what the link carries; what it loses to the request and the slow start
// is counted apart. The target is such that an upload takes 80 % of a segment's duration; it is
// lowered where it takes 90 %, and where what waits will not be gone, by 15 % of that, when
// the next one comes. What the encoder uses, and what a path is given for each byte that is
// coded (stream_overhead.go), is counted from segment to segment.
//
// # What else is asked for (rescue.go)
//
// A picture that would wait for more than 60 % of the budget is not to be coded. In an
// outage, where nobody knows how long that will be, pictures are coded on at a seventh of
// the rate, so that those that turn out to be in time are there; and key pictures are
// asked for often, since the first one behind what the transport drops is where the
// receiver goes on. Of all that, a packet now and then is sent (Controller.isHush): what is
// sent into an outage waits somewhere on the way, and is delivered first, too late. What waits before the transport and is older than the budget is
// flushed.
package rate
