package console

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// person is somebody at the other end of a line.
type person struct {
	t    *testing.T
	line io.ReadWriteCloser
	// patience is how long to wait for what is to be seen; time is free in a bubble.
	patience time.Duration

	mu   sync.Mutex // guards the fields below
	seen strings.Builder
	from int // of seen: what was not looked at yet
	came chan struct{}
	end  chan struct{}
}

func newPerson(t *testing.T, line io.ReadWriteCloser) *person {
	p := &person{t: t, line: line, patience: 20 * time.Second, came: make(chan struct{}, 1), end: make(chan struct{})}
	go func() {
		defer close(p.end)
		b := make([]byte, 4096)
		for {
			n, err := line.Read(b)
			p.mu.Lock()
			p.seen.Write(b[:n])
			p.mu.Unlock()
			select {
			case p.came <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	return p
}

// types sends keys.
func (p *person) types(text string) *person {
	p.t.Helper()
	if _, err := io.WriteString(p.line, text); err != nil {
		p.t.Fatalf("type %q: %v", text, err)
	}
	return p
}

// sees waits until text appears behind what was seen before, and returns all up to it.
func (p *person) sees(text string) string {
	p.t.Helper()
	late := time.After(p.patience)
	for {
		p.mu.Lock()
		rest := p.seen.String()[p.from:]
		if i := strings.Index(rest, text); i >= 0 {
			p.from += i + len(text)
			p.mu.Unlock()
			return rest[:i+len(text)]
		}
		p.mu.Unlock()
		select {
		case <-p.came:
		case <-late:
			p.t.Fatalf("no %q in %q", text, rest)
		}
	}
}

// rest is what came and was not looked at.
func (p *person) rest() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := p.seen.String()[p.from:]
	p.from = p.seen.Len()
	return text
}

// sit begins a session on a pipe; it ends with the test, or when stop is called.
func sit(t *testing.T, c *Console) (p *person, stop func() error) {
	t.Helper()
	return sitAt(t, c, "ttyS0")
}

// sitAt is sit at another line.
func sitAt(t *testing.T, c *Console, line string) (p *person, stop func() error) {
	t.Helper()
	ours, theirs := net.Pipe()
	p = newPerson(t, theirs)
	p.patience = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, line, ours) }()
	var err error
	var once sync.Once
	stop = func() error {
		once.Do(func() {
			cancel()
			err = <-done
			theirs.Close()
			<-p.end
		})
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return p, stop
}

// box is what a console is tested with.
type box struct {
	options   Options
	store     *status.Store
	candidate *fakeCandidate
	ran       chan string
}

func newBox() *box {
	b := &box{store: status.NewStore("v1.2"), candidate: &fakeCandidate{set: map[string]string{}}, ran: make(chan string, 2000)}
	r := b.store.Stream("main")
	r.SetDefault(true)
	r.SetInput(status.Input{Kind: "pattern", Description: "1280x720 at 30", State: status.InputRunning})
	r.SetDestination(status.Destination{Name: "youtube", Kind: "rtmp", URL: "rtmp://a.example/live", State: status.Active, Bitrate: 2_500_000})
	r.SetDestination(status.Destination{Name: "yonder\x1b[2J", Kind: "srt", State: status.Disabled, Reason: "paused by\r\nme"})
	names := func(s *status.Snapshot, _ control.Args) (all []string) {
		for _, d := range s.Streams[0].Destinations {
			all = append(all, d.Name)
		}
		return append(all, "two words")
	}
	say := func(_ context.Context, c control.Call) (control.Result, error) {
		b.ran <- c.Args.Get("name") + c.Args.Get("password")
		return control.Result{Text: "It is " + c.Args.Get("name")}, nil
	}
	table := control.New(b.store, nil,
		control.Command{Name: "destination pause", Help: "End a connection until resume", Role: control.Operator, Args: []control.Arg{{Name: "name", Kind: control.Word, Help: "which one", Values: names}}, Run: say},
		control.Command{Name: "destination resume", Help: "Connect again", Role: control.Operator, Args: []control.Arg{{Name: "name", Kind: control.Word, Help: "which one", Values: names}}, Run: say},
		control.Command{Name: "reset", Help: "Forget all", Role: control.Admin, Confirm: []control.Ask{control.Question("Sure?"), control.Question("Really?")}, Run: func(context.Context, control.Call) (control.Result, error) {
			b.ran <- "reset"
			return control.Result{}, nil
		}},
		control.Command{Name: "show status", Help: "What goes on", Role: control.Viewer, Reads: true, Run: func(context.Context, control.Call) (control.Result, error) { return control.Result{}, nil }},
		control.Command{Name: "show lines", Help: "Many lines", Role: control.Viewer, Reads: true, Run: func(context.Context, control.Call) (control.Result, error) {
			return control.Result{Text: strings.TrimSuffix(strings.Repeat("line\n", 60), "\n")}, nil
		}},
		control.Command{Name: "update", Help: "Take minutes", Role: control.Admin, Long: true, Run: func(ctx context.Context, c control.Call) (control.Result, error) {
			for i := range 11 {
				c.Progress(control.Progress{Done: float64(i) / 10, Text: "download"})
				select {
				case <-ctx.Done():
					return control.Result{}, context.Cause(ctx)
				case <-time.After(time.Second):
				}
			}
			return control.Result{Text: "updated"}, nil
		}},
		control.Command{Name: "user password", Help: "Set a password", Role: control.Admin, Args: []control.Arg{{Name: "name", Kind: control.Word, Help: "whose"}, {Name: "password", Kind: control.Text, Secret: true, Help: "the new one"}}, Run: say},
	)
	b.options = Options{
		State: b.store, Table: table, Idle: 10 * time.Minute,
		Pages:     func() []string { return []string{"http://192.168.1.5:8080/"} },
		Candidate: func(control.Caller) (Candidate, error) { return b.candidate, nil },
		Machine: func(_ context.Context, _ control.Caller, rw io.ReadWriteCloser) ([]byte, error) {
			buf := make([]byte, 100)
			if _, err := io.WriteString(rw, "READY"); err != nil {
				return nil, err
			}
			for {
				n, err := rw.Read(buf)
				if err != nil {
					return nil, err
				}
				if _, rest, end := strings.Cut(string(buf[:n]), "END"); end {
					return []byte(rest), nil
				}
				if _, err := rw.Write(append([]byte("ACK "), buf[:n]...)); err != nil {
					return nil, err
				}
			}
		},
	}
	return b
}

// withLogin has the box ask for a name and a password.
func (b *box) withLogin() *box {
	b.options.Guard = &Guard{}
	b.options.Login = func(_ context.Context, name, password string) (control.Role, error) {
		if name == "broken" {
			return 0, errors.New("the list of users is damaged: restore it")
		}
		if name != "ada" || password != "secret" {
			return 0, ErrDenied
		}
		return control.Operator, nil
	}
	return b
}

// fakeCandidate is a configuration of paths and values.
type fakeCandidate struct {
	mu   sync.Mutex // guards the fields below: tests look at them
	set  map[string]string
	said []string
}

func (f *fakeCandidate) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = append(f.said, what)
}

func (f *fakeCandidate) notes() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.said, "; ")
}

func (f *fakeCandidate) Set(path, value string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if value == "bad" {
		return errors.New("first problem\nsecond problem")
	}
	f.set[path] = value
	return nil
}
func (f *fakeCandidate) Delete(path string) error {
	f.note("delete " + path)
	return nil
}
func (f *fakeCandidate) Show(path string) (string, error) { return "shown " + path, nil }
func (f *fakeCandidate) Diff() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v, ok := f.set["http.listen"]; ok {
		return []string{"- http.listen = :8080", "+ http.listen = " + v}
	}
	return nil
}
func (f *fakeCandidate) Validate() error { return nil }
func (f *fakeCandidate) Complete(typed string) (all []config.Completion) {
	if strings.HasPrefix("http.listen :80", typed) && strings.Contains(typed, " ") {
		return []config.Completion{{Text: ":8080", Help: "now"}, {Text: ":80"}}
	}
	for _, c := range []config.Completion{{Text: "http", Help: "the server", More: true}, {Text: "http.listen", Help: "address"}, {Text: "console", More: true}, {Text: "console.password"}} {
		if strings.HasPrefix(c.Text, typed) && strings.Count(c.Text, ".") == strings.Count(typed, ".") {
			all = append(all, c)
		}
	}
	return all
}
func (f *fakeCandidate) Commit(context.Context) (string, error) {
	f.note("commit")
	return "saved: http.listen", nil
}
func (f *fakeCandidate) CommitConfirmed(_ context.Context, d time.Duration) (string, error) {
	f.note("commit confirmed " + d.String())
	return "", nil
}
func (f *fakeCandidate) Confirm(context.Context) (string, error) {
	f.note("confirm")
	return "", nil
}
func (f *fakeCandidate) Load(version string) error {
	f.note("load " + version)
	return nil
}
func (f *fakeCandidate) Discard() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.set)
}
