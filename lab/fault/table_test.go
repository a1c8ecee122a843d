package fault_test

import (
	"fmt"
	"slices"
	"strings"
)

// expectations is what each kind of push is expected to make of each fault: the causes
// one of which is reported, "fine" where the fault does no harm and no error is
// reported, or -X where the fault cannot be, for the reason X of reasons.
//
// A receiver that files are uploaded to has output/forward's finer causes.
const expectations = `
fault                    | rtmp     | rtmps    | srt      | tshttp          | hls             | s3              | cmaf            | dash            | whip     | rtsp     | udp     | rtp     | icecast  | shoutcast
refuses                  | refused  | refused  | network  | refused         | refused         | refused         | refused         | refused         | refused  | refused  | refused | refused | refused  | refused
no such name             | dns      | dns      | dns      | dns             | dns             | dns             | dns             | dns             | dns      | dns      | dns     | dns     | dns      | dns
silent                   | network  | network  | network  | stalled         | stalled         | stalled         | stalled         | stalled         | network  | network  | -U      | -U      | network  | network
never answers            | network  | network  | -S       | fine            | stalled         | stalled         | fine            | stalled         | network  | network  | -U      | -U      | network  | network
resets at once           | closed   | closed   | -S       | closed          | closed          | closed          | closed          | closed          | closed   | closed   | -U      | -U      | closed   | closed
resets in the opening    | closed   | closed   | -S       | closed          | closed          | closed          | closed          | closed          | closed   | closed   | -U      | -U      | closed   | closed
garbage                  | rejected | rejected | network  | rejected        | rejected        | rejected        | rejected        | rejected        | rejected | rejected | -U      | -U      | rejected | rejected
endless answer           | rejected | rejected | -S       | rejected        | server          | server          | rejected        | server          | rejected | rejected | -U      | -U      | rejected | rejected
oversized header         | -H       | -H       | -H       | rejected        | rejected        | rejected        | rejected        | rejected        | rejected | rejected | -H      | -H      | rejected | -H
endless interim answers  | -H       | -H       | -H       | rejected        | rejected        | rejected        | rejected        | rejected        | rejected | rejected | -H      | -H      | rejected | -H
oversized message        | rejected | rejected | -S       | -B              | -B              | -B              | -B              | -B              | rejected | rejected | -U      | -U      | -B       | -B
401, wrong password      | auth     | auth     | auth     | auth            | auth            | auth            | auth            | auth            | auth     | auth     | -U      | -U      | auth     | auth
403, forbidden           | auth     | auth     | auth     | auth            | auth            | auth            | auth            | auth            | auth     | auth     | -U      | -U      | rejected | -I
404, no such place       | rejected | rejected | rejected | rejected        | path            | path            | rejected        | path            | rejected | rejected | -U      | -U      | rejected | -I
409, in use              | rejected | rejected | rejected | rejected        | path            | rejected        | rejected        | path            | rejected | rejected | -U      | -U      | rejected | rejected
500, fails               | rejected | rejected | rejected | rejected        | server          | server          | rejected        | server          | rejected | rejected | -U      | -U      | rejected | -I
503, busy                | rejected | rejected | rejected | rejected        | busy            | busy            | rejected        | busy            | rejected | rejected | -U      | -U      | rejected | -I
slow 500                 | -C       | -C       | -S       | rejected        | server          | server          | rejected        | server          | rejected | rejected | -U      | -U      | rejected | -I
redirects in a circle    | rejected | rejected | -R       | rejected        | rejected        | rejected        | rejected        | rejected        | rejected | rejected | -U      | -U      | rejected | -I
takes it and never reads | stalled  | stalled  | stalled  | stalled         | stalled         | stalled         | stalled         | stalled         | network  | stalled  | -U      | -U      | stalled  | stalled
takes it and closes      | closed   | closed   | closed   | closed          | closed          | closed          | closed          | closed          | closed   | closed   | -U      | -U      | closed   | closed
takes it and resets      | closed   | closed   | -S       | closed          | closed          | closed          | closed          | closed          | -W       | closed   | -U      | -U      | closed   | closed
takes it and floods      | rejected | rejected | fine     | closed/rejected | closed/rejected | closed/rejected | closed/rejected | closed/rejected | fine     | rejected | fine    | fine    | rejected | rejected
TLS: untrusted           | -T       | tls      | -T       | tls             | tls             | tls             | tls             | tls             | tls      | tls      | -T      | -T      | tls      | -T
TLS: expired             | -T       | tls      | -T       | tls             | tls             | tls             | tls             | tls             | tls      | tls      | -T      | -T      | tls      | -T
TLS: another's name      | -T       | tls      | -T       | tls             | tls             | tls             | tls             | tls             | tls      | tls      | -T      | -T      | tls      | -T
TLS: plain HTTP there    | -T       | tls      | -T       | tls             | tls             | tls             | tls             | tls             | tls      | tls      | -T      | -T      | tls      | -T
`

// reasons say why a fault cannot be.
var reasons = map[string]string{
	"U": "UDP has no connection, and nobody who gets datagrams says anything",
	"S": "SRT's connection is of datagrams: it is not closed, reset or read as TCP's is, and no message is longer than a datagram",
	"H": "the protocol has no headers of lines",
	"B": "no message follows the header: see the endless answer",
	"I": "SHOUTcast has two words for no: the password is wrong, the stream is in use",
	"C": "RTMP's answers are a chunk: see the endless answer",
	"R": "SRT has no redirects",
	"W": "WHIP's media are datagrams",
	"T": "not over TLS",
}

// expected is a cell of the table.
type expected struct {
	causes []string
	fine   bool
	reason string // why there is nothing to expect
}

// parseTable returns the faults in their order, the kinds, and what is expected by
// both.
func parseTable() (faults, kinds []string, cells map[string]map[string]expected, err error) {
	cells = map[string]map[string]expected{}
	for i, line := range strings.Split(strings.TrimSpace(expectations), "\n") {
		fields := strings.Split(line, "|")
		for j := range fields {
			fields[j] = strings.TrimSpace(fields[j])
		}
		if i == 0 {
			kinds = fields[1:]
			continue
		}
		fault := fields[0]
		if len(fields) != len(kinds)+1 || slices.Contains(faults, fault) {
			return nil, nil, nil, fmt.Errorf("line of %q: %d cells", fault, len(fields)-1)
		}
		faults = append(faults, fault)
		cells[fault] = map[string]expected{}
		for j, text := range fields[1:] {
			var e expected
			if letter, not := strings.CutPrefix(text, "-"); not {
				if e.reason = reasons[letter]; e.reason == "" {
					return nil, nil, nil, fmt.Errorf("%s, %s: no reason %q", fault, kinds[j], letter)
				}
			} else {
				for c := range strings.SplitSeq(text, "/") {
					if c == "fine" {
						e.fine = true
					} else {
						e.causes = append(e.causes, c)
					}
				}
			}
			cells[fault][kinds[j]] = e
		}
	}
	return faults, kinds, cells, nil
}
