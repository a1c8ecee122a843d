package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 20

// answerTime bounds the wait for an answer, and for all of a short one; doTime that
// for a command, which may wait for others.
const answerTime, doTime = 20 * time.Second, 2 * time.Minute

// terminalSession tells what is typed in one terminal from what others here do: each has a
// candidate of the configuration of its own.
func terminalSession() string {
	sid, err := unix.Getsid(0)
	if err != nil {
		return ""
	}
	return strconv.Itoa(sid)
}

// unreachable: no encoderd answers.
type unreachable struct {
	address string
	cause   error
}

func (u *unreachable) Error() string {
	return fmt.Sprintf("no encoderd answers at %s: is it running, and is the address right? (%v)", u.address, u.cause)
}

func (u *unreachable) Unwrap() error { return u.cause }

// target is where the box is.
type target struct {
	base   *url.URL
	name   string // for people
	socket string // "": base over the network
}

// findBox is the box of an address; without one the socket of a daemon on this machine
// that lets us in, else its page.
func findBox(ctx context.Context, address string, env func(string) string) (target, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return socketBox(path), nil
	}
	var tried string
	if address == "" {
		path, silent := findSocket(ctx, env)
		if path != "" {
			return socketBox(path), nil
		}
		for _, s := range silent {
			tried += s + ", nor at "
		}
		address = "http://localhost:8080"
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return target{}, fmt.Errorf("address %q is not http://HOST:PORT or unix:PATH", address)
	}
	return target{base: u, name: tried + u.Host}, nil
}

// findSocket is the socket of a daemon on this machine that lets us in, or "", and those
// that are there and do not.
func findSocket(ctx context.Context, env func(string) string) (path string, silent []string) {
	for _, path := range sockets(env) {
		if foreign(path) {
			continue
		}
		conn, err := dialSocket(ctx, path)
		if err == nil {
			_ = conn.Close()
			return path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			silent = append(silent, path)
		}
	}
	return "", silent
}

func socketBox(path string) target {
	return target{base: &url.URL{Scheme: "http", Host: "localhost"}, name: path, socket: path}
}

// sockets are where a daemon on this machine may listen.
func sockets(env func(string) string) (all []string) {
	if dir, _, _ := strings.Cut(env("RUNTIME_DIRECTORY"), ":"); dir != "" {
		all = append(all, dir+"/control.sock")
	}
	return append(all, config.ControlSockets(env, os.Getuid())...)
}

// foreign says that a socket's folder stands where anybody may make one, in /tmp, and is
// not ours: whoever made it would be told our token and passwords.
func foreign(socket string) bool {
	dir := filepath.Dir(socket)
	above, err := os.Stat(filepath.Dir(dir))
	if err != nil || above.Mode().Perm()&0o002 == 0 {
		return false
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return false // there is nothing to dial
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	return !ok || !info.IsDir() || owner.Uid != 0 && int(owner.Uid) != os.Getuid()
}

func dialSocket(ctx context.Context, path string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return new(net.Dialer).DialContext(ctx, "unix", path)
}

// newHTTP is a client that does not wait for ever for a box that takes the question
// and says nothing. What a long command takes is not bounded by it: the answer begins
// early, and then comes line by line.
func newHTTP(b target) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = doTime
	if b.socket != "" {
		t.Proxy = nil
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialSocket(ctx, b.socket) }
	}
	// A redirect would show the token to somebody else.
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// request is a call of the API before it is made.
type request struct {
	accept string
	lastID string // Last-Event-ID
	body   any    // sent as JSON
}

// call makes a request to the API; q may be nil. The caller closes the body.
func (c *client) call(ctx context.Context, method, path string, query url.Values, q *request) (io.ReadCloser, error) {
	resp, err := c.send(ctx, method, path, query, q)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// send is call with the answer's header.
func (c *client) send(ctx context.Context, method, path string, query url.Values, q *request) (*http.Response, error) {
	u := c.box.base.JoinPath("/api/v1", path)
	u.RawQuery = query.Encode()
	if q == nil {
		q = &request{}
	}
	var body io.Reader
	if q.body != nil {
		doc, err := json.Marshal(q.body)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		body = bytes.NewReader(doc)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for key, value := range map[string]string{"Accept": q.accept, "Last-Event-ID": q.lastID, control.SessionHeader: terminalSession()} {
		if value != "" {
			req.Header.Set(key, value)
		}
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ue := (*url.Error)(nil); errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, &unreachable{c.box.name, err}
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, refusal(resp, strings.HasPrefix(path, "commands"))
}

// refusal is an answer of the API that says no, in its own words. of is that the
// refusal is of a command.
func refusal(resp *http.Response, of bool) error {
	var e control.Error
	doc, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err == nil {
		err = json.Unmarshal(doc, &e)
	}
	if err != nil || e.Message == "" {
		e = control.Error{Message: fmt.Sprintf("the box answers %s: does encoderd serve this address?", resp.Status)}
	}
	if e.Code == "" {
		e.Code = control.Failed
		if resp.StatusCode == http.StatusUnauthorized || of && resp.StatusCode == http.StatusForbidden {
			e.Code = control.Forbidden
		}
	}
	return &e
}

// printable is a text of the box on one line, without what would disturb a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
}

// printText prints a text of several lines.
func (c *client) printText(text string) error {
	for line := range strings.Lines(text) {
		if _, err := fmt.Fprintln(c.stdout, strings.TrimRight(printable(line), " ")); err != nil {
			return err
		}
	}
	return nil
}

// printJSON prints JSON: for people in lines, for a program that watches one a line.
// Characters that would disturb a terminal are escaped.
func (c *client) printJSON(doc []byte) error {
	var b bytes.Buffer
	shape := func() error { return json.Indent(&b, doc, "", "  ") }
	if c.watching {
		shape = func() error { return json.Compact(&b, doc) }
	}
	if err := shape(); err != nil {
		return fmt.Errorf("the box's answer is not understood: %w", err)
	}
	var safe strings.Builder
	for _, r := range strings.TrimSpace(b.String()) {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			safe.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&safe, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		default:
			fmt.Fprintf(&safe, `\u%04x`, r)
		}
	}
	_, err := fmt.Fprintln(c.stdout, safe.String())
	return err
}

// get reads a JSON answer.
func (c *client) get(ctx context.Context, path string, query url.Values, into any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	body, err := c.call(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	doc, err := io.ReadAll(io.LimitReader(body, maxAnswer))
	if err != nil {
		return &unreachable{c.box.name, err}
	}
	if err := json.Unmarshal(doc, into); err != nil {
		return fmt.Errorf("the box's answer is not understood: is encoderd of another version? (%w)", err)
	}
	return nil
}

// snapshot is the box's status.
func (c *client) snapshot(ctx context.Context) (s status.Snapshot, err error) {
	return s, c.get(ctx, "status", nil, &s)
}
