package icecast

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/request"
)

// Default ports.
const (
	icecastPort    = "8000"
	icecastTLSPort = "443"
)

// icecast logs in by PUT. The body is not chunked: Icecast before 2.5 takes what
// comes as it is, up to the end of the connection.
func (c *conn) icecast(ctx context.Context, t output.Target) error {
	host, port := t.URL.Hostname(), t.URL.Port()
	var trust *tls.Config
	if strings.EqualFold(t.URL.Scheme, "icecast+https") {
		if trust = t.TLS.Clone(); trust == nil {
			trust = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		if trust.ServerName == "" {
			trust.ServerName = host
		}
	}
	switch {
	case port == "" && trust != nil:
		port = icecastTLSPort
	case port == "":
		port = icecastPort
	}
	c.address = net.JoinHostPort(host, port)
	stop, err := c.open(ctx, func() (net.Conn, *socket, error) { return connect(ctx, c.address, t, trust) })
	if err != nil {
		return err
	}
	defer stop()
	head, err := c.framer.head()
	if err != nil {
		return output.WithCause(output.CauseLocal, err)
	}
	if _, err := c.rw.Write(c.putRequest(t)); err != nil {
		return err
	}
	if err := c.answer(); err != nil {
		return err
	}
	_, err = c.rw.Write(head)
	if err == nil && !stop() {
		err = context.Cause(ctx)
	}
	return err
}

func (c *conn) putRequest(t output.Target) []byte {
	a := c.track.Audio
	info := fmt.Sprintf("samplerate=%d;channels=%d", a.SampleRate, a.Channels)
	rate := kilobits(t, c.track.Codec)
	if rate != "" {
		info += ";bitrate=" + rate
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "PUT %s HTTP/1.1\r\nHost: %s\r\n", t.URL.EscapedPath(), c.address)
	for _, field := range [][2]string{
		{"Authorization", basic(t)}, {"User-Agent", t.Agent}, {"Content-Type", c.framer.contentType()},
		{"Ice-Name", station(t)}, {"Ice-Genre", t.Options["genre"]}, {"Ice-Public", public(t)},
		{"Ice-Audio-Info", info}, {"Ice-Bitrate", rate}, {"Expect", "100-continue"},
	} {
		if field[1] != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", field[0], field[1])
		}
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// basic is the Authorization header; the user is "source" unless the URL has one.
func basic(t output.Target) string {
	password, ok := t.URL.User.Password()
	if !ok {
		return ""
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user(t)+":"+password))
}

func user(t output.Target) string {
	if name := t.URL.User.Username(); name != "" {
		return name
	}
	return "source"
}

// maxInterim bounds the 1xx answers before the one that counts.
const maxInterim = 5

// answer reads the server's answer: nil when it wants the sound.
func (c *conn) answer() error {
	for range maxInterim {
		resp, err := http.ReadResponse(c.in, &http.Request{Method: http.MethodPut})
		switch {
		case err != nil && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
			return err // closed
		case err != nil && isNet(err):
			return err
		case err != nil:
			return fmt.Errorf("%w: %s does not answer in HTTP: is the port right?", output.ErrRejected, c.address)
		case resp.StatusCode == http.StatusContinue, resp.StatusCode == http.StatusOK:
			return nil // the body of 200 is nobody's: it does not end while the source is on
		case resp.StatusCode/100 == 1:
			continue
		}
		a, _ := request.Read(resp) // what could not be read of its text is no loss
		_ = resp.Body.Close()
		return refusal(c.address, a)
	}
	return fmt.Errorf("%w: %s answers without end and says nothing: is it an Icecast server?", output.ErrRejected, c.address)
}

func isNet(err error) bool {
	var op net.Error
	return errors.As(err, &op)
}

// refusal puts an HTTP server's no into words.
func refusal(address string, a *request.Answer) error {
	words := plain(a.Text)
	if words == "" {
		words = plain(strings.TrimSpace(strings.TrimPrefix(a.Status, strconv.Itoa(a.Code))))
	}
	r := &output.AnswerError{Status: a.Code, Cause: request.CauseRejected}
	advice := "check the mount point"
	switch lower := strings.ToLower(words); {
	case a.Code == http.StatusUnauthorized:
		r.Cause, advice = request.CauseAuth, "check the name (\"source\" unless the URL has one) and password in the URL"
	case strings.Contains(lower, "in use"):
		// Also our own connection from before an outage, until the server misses it.
		r.Cause, advice = request.CauseBusy, "another source, or one of the box's own before, is on this mount point"
	case strings.Contains(lower, "too many"):
		r.Cause, advice = request.CauseBusy, "the server takes no more sources"
	case a.Code >= 500:
		r.Cause, advice = request.CauseServer, "the server has failed"
	case a.Redirects():
		advice = "the server sends sources elsewhere, which they do not follow: use its own address"
	}
	r.Text = fmt.Sprintf("%s refuses the source: %d %s: %s", address, a.Code, words, advice)
	return r
}

// plain is a text for people, in one line, without mark-up, and bounded.
func plain(s string) string {
	if i := strings.Index(s, "<body"); i >= 0 {
		s = s[i:]
	}
	var b strings.Builder
	tag := false
	for _, r := range s {
		switch {
		case r == '<':
			tag = true
		case r == '>' && tag:
			tag = false
			b.WriteByte(' ')
		case tag:
		case unicode.IsControl(r) || unicode.IsSpace(r):
			b.WriteByte(' ')
		case unicode.IsPrint(r) && r != unicode.ReplacementChar:
			b.WriteRune(r)
		}
	}
	line := strings.Join(strings.Fields(b.String()), " ")
	if r := []rune(line); len(r) > 120 {
		line = string(r[:120]) + "…"
	}
	return line
}

// shoutcastPort is where sources go: the port behind that of listeners.
func shoutcastPort(t output.Target) (int, error) {
	port, err := strconv.Atoi(listenerPort(t))
	if err != nil || port < 1 || port > 65534 {
		return 0, fmt.Errorf("port %q: a SHOUTcast source needs it and the one behind it", t.URL.Port())
	}
	return port + 1, nil
}

func listenerPort(t output.Target) string {
	if port := t.URL.Port(); port != "" {
		return port
	}
	return icecastPort
}

// shoutcast logs in as SHOUTcast v1 sources do: the password on a line of its own,
// "OK2" in answer, and headers. A name in the URL goes before the password, as
// SHOUTcast 2 takes it.
func (c *conn) shoutcast(ctx context.Context, t output.Target) error {
	port, err := shoutcastPort(t)
	if err != nil {
		return output.WithCause(output.CauseLocal, err)
	}
	c.address = net.JoinHostPort(t.URL.Hostname(), strconv.Itoa(port))
	stop, err := c.open(ctx, func() (net.Conn, *socket, error) { return connect(ctx, c.address, t, nil) })
	if err != nil {
		return err
	}
	defer stop()
	if _, err := io.WriteString(c.rw, secret(t)+"\r\n"); err != nil {
		return err
	}
	if err := c.ok2(); err != nil {
		return err
	}
	var b bytes.Buffer
	for _, field := range [][2]string{
		{"content-type", c.framer.contentType()}, {"icy-name", station(t)}, {"icy-genre", t.Options["genre"]},
		{"icy-pub", public(t)}, {"icy-br", kilobits(t, c.track.Codec)},
	} {
		if field[1] != "" {
			fmt.Fprintf(&b, "%s:%s\r\n", field[0], field[1])
		}
	}
	b.WriteString("\r\n")
	_, err = c.rw.Write(b.Bytes())
	if err == nil && !stop() {
		err = context.Cause(ctx)
	}
	return err
}

func secret(t output.Target) string {
	password, _ := t.URL.User.Password()
	if name := t.URL.User.Username(); name != "" && name != "source" {
		return name + ":" + password
	}
	return password
}

// maxLine bounds a line of the server.
const maxLine = 1024

// ok2 reads the answer to the password, and the lines up to an empty one that go
// with a yes.
func (c *conn) ok2() error {
	line, err := c.line()
	words := plain(line)
	switch lower := strings.ToLower(words); {
	case errors.Is(err, io.EOF) && line == "":
		return output.WithCause(output.CauseAuth, fmt.Errorf("%w: %s closed the connection on the password: it is wrong, or this is no port for sources", output.ErrRejected, c.address))
	case err != nil:
		return err
	case strings.HasPrefix(lower, "ok"):
	case strings.Contains(lower, "password") || strings.Contains(lower, "denied"):
		return output.WithCause(output.CauseAuth, fmt.Errorf("%w: %s says %q: check the password in the URL", output.ErrRejected, c.address, words))
	default:
		return fmt.Errorf("%w: %s says %q to a source: is the port right? The URL has that of listeners, sources go to the one behind it", output.ErrRejected, c.address, words)
	}
	for range maxInterim * 4 {
		if line, err = c.line(); err != nil {
			return err
		}
		if strings.TrimSpace(line) == "" {
			return nil
		}
	}
	return fmt.Errorf("%w: %s answers without end: is it a SHOUTcast server?", output.ErrRejected, c.address)
}

// line reads one line.
func (c *conn) line() (string, error) {
	var line []byte
	for {
		b, err := c.in.ReadByte()
		switch {
		case err != nil:
			return string(line), err
		case b == '\n':
			return string(line), nil
		case len(line) == maxLine:
			return "", fmt.Errorf("%w: %s answers in lines without end: is it a SHOUTcast server?", output.ErrRejected, c.address)
		}
		line = append(line, b)
	}
}
