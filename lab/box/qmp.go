package box

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"sync"
)

// qmp speaks QEMU's machine protocol: one command at a time, events in between.
type qmp struct {
	wire    *wireEnd
	onReset func()
	answers chan answer   // closed when QEMU is gone
	done    chan struct{} // closed once the reader has ended

	sending sync.Mutex // held by the command that waits for its answer

	mu      sync.Mutex // guards the fields below
	count   int        // of resets
	changed chan struct{}
}

// answer is what QEMU writes: a greeting, an answer or an event.
type answer struct {
	QMP    json.RawMessage `json:"QMP"`
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Desc string `json:"desc"`
	} `json:"error"`
	Event string `json:"event"`
}

func newQMP(w *wireEnd, onReset func()) *qmp {
	q := &qmp{wire: w, onReset: onReset, answers: make(chan answer, 1), done: make(chan struct{}), changed: make(chan struct{})}
	go q.read()
	return q
}

func (q *qmp) read() {
	defer close(q.done)
	defer close(q.answers)
	d := json.NewDecoder(q.wire)
	for {
		var a answer
		if d.Decode(&a) != nil {
			return // closed, or QEMU has ended
		}
		switch a.Event {
		case "":
			select {
			case q.answers <- a:
			default: // of a command that did not wait for it
			}
		case "RESET":
			q.onReset()
			q.mu.Lock()
			q.count++
			close(q.changed)
			q.changed = make(chan struct{})
			q.mu.Unlock()
		}
	}
}

// greet takes the greeting and leaves the mode that allows nothing.
func (q *qmp) greet(ctx context.Context) error {
	q.sending.Lock()
	_, err := q.answer(ctx)
	q.sending.Unlock()
	if err != nil {
		return err
	}
	_, err = q.do(ctx, "qmp_capabilities", nil)
	return err
}

func (q *qmp) do(ctx context.Context, command string, arguments any) (json.RawMessage, error) {
	return q.give(ctx, command, arguments, nil)
}

// give is do with an open file that QEMU takes with the command.
func (q *qmp) give(ctx context.Context, command string, arguments any, file *os.File) (json.RawMessage, error) {
	q.sending.Lock()
	defer q.sending.Unlock()
	select { // an answer that came too late
	case <-q.answers:
	default:
	}
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	text, err := json.Marshal(request)
	if err == nil {
		err = q.wire.send(append(text, '\n'), file)
	}
	if err != nil {
		return nil, fmt.Errorf("box: qemu command %s: %w", command, err)
	}
	a, err := q.answer(ctx)
	if err != nil {
		return nil, fmt.Errorf("box: qemu command %s: %w", command, err)
	}
	return a, nil
}

func (q *qmp) answer(ctx context.Context) (json.RawMessage, error) {
	select {
	case a, ok := <-q.answers:
		switch {
		case !ok:
			return nil, errEnded
		case a.Error != nil:
			return nil, errors.New(a.Error.Desc)
		}
		return a.Return, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (q *qmp) resets() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count
}

// awaitReset returns once there were more than n resets.
func (q *qmp) awaitReset(ctx context.Context, n int) error {
	for {
		q.mu.Lock()
		count, changed := q.count, q.changed
		q.mu.Unlock()
		if count > n {
			return nil
		}
		select {
		case <-changed:
		case <-q.done:
			return fmt.Errorf("box: wait for a reset: %w", errEnded)
		case <-ctx.Done():
			return fmt.Errorf("box: wait for a reset: %w", context.Cause(ctx))
		}
	}
}

func (q *qmp) close() {
	q.wire.close()
	<-q.done
}

// QMP gives a command to QEMU's monitor, and returns what it answered.
// arguments may be nil.
func (b *Box) QMP(ctx context.Context, command string, arguments any) (json.RawMessage, error) {
	r, err := b.qmp.do(ctx, command, arguments)
	if err != nil {
		return nil, b.explain(err)
	}
	return r, nil
}

// monitor gives a command to QEMU's monitor for people, which has what QMP lacks.
func (b *Box) monitor(ctx context.Context, line string) (string, error) {
	r, err := b.QMP(ctx, "human-monitor-command", map[string]any{"command-line": line})
	if err != nil {
		return "", err
	}
	var text string
	if err := json.Unmarshal(r, &text); err != nil {
		return "", fmt.Errorf("box: qemu command %q: %w", line, err)
	}
	return text, nil
}

// Forward makes a port of the box's, "tcp" or "udp", reachable on a port of the
// host's loopback that the kernel picks, and returns its address.
func (b *Box) Forward(network string, port int) string {
	b.tb.Helper()
	addr, err := b.forward(context.Background(), network, port)
	if err != nil {
		b.tb.Fatalf("%v", err)
	}
	return addr
}

func (b *Box) forward(ctx context.Context, network string, port int) (string, error) {
	before, err := b.forwards(ctx, network, port)
	if err != nil {
		return "", err
	}
	said, err := b.monitor(ctx, fmt.Sprintf("hostfwd_add net %s:127.0.0.1:0-:%d", network, port))
	if err == nil && said != "" {
		err = errors.New(said)
	}
	if err != nil {
		return "", fmt.Errorf("box: forward %s port %d: %w", network, port, err)
	}
	after, err := b.forwards(ctx, network, port)
	if err != nil {
		return "", err
	}
	for at := range after {
		if !before[at] {
			return net.JoinHostPort("127.0.0.1", strconv.Itoa(at)), nil
		}
	}
	return "", fmt.Errorf("box: forward %s port %d: qemu lists no new forward", network, port)
}

// forwards is the set of the host's ports that lead to one of the box's.
func (b *Box) forwards(ctx context.Context, network string, port int) (map[int]bool, error) {
	text, err := b.monitor(ctx, "info usernet")
	if err != nil {
		return nil, err
	}
	line := regexp.MustCompile(`(?mi)^\s*` + network + `\[HOST_FORWARD\]\s+\S+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+` + strconv.Itoa(port) + `\s`)
	ports := make(map[int]bool)
	for _, m := range line.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return nil, fmt.Errorf("box: read qemu's list of forwards: %w", err)
		}
		ports[n] = true
	}
	return ports, nil
}
