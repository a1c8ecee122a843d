package preflight

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/output"
)

// stepTime bounds each step of the way.
const stepTime = 10 * time.Second

// usualPorts of schemes; a scheme that is not here needs its port in the URL.
var usualPorts = map[string]string{
	"rtmp": "1935", "rtmps": "443", "http": "80", "https": "443",
	"tshttp": "80", "tshttps": "443", "rtsp": "554", "rtsps": "322",
}

// connectionOf is where a target's connection goes. host is "" for one that
// waits to be called.
func connectionOf(u *url.URL, kind string, options map[string]string) (address, host, scheme string) {
	scheme = u.Scheme
	if _, after, ok := strings.Cut(scheme, "+"); ok {
		scheme = after
	}
	host, port := u.Hostname(), u.Port()
	if kind == "s3" {
		scheme, host, port = "https", u.Hostname()+".s3."+options["region"]+".amazonaws.com", ""
		if e, err := url.Parse(options["endpoint"]); err == nil && e.Hostname() != "" {
			scheme, host, port = e.Scheme, e.Hostname(), e.Port()
		}
	}
	if kind == "srt" && u.Query().Get("mode") == "listener" {
		host = ""
	}
	switch {
	case kind == "icecast" && port == "" && scheme == "http":
		port = radioPort
	case kind == "shoutcast":
		port = sourcePort(port)
	case port == "":
		port = usualPorts[scheme]
	}
	return net.JoinHostPort(host, port), host, scheme
}

// radioPort is the usual one of listeners.
const radioPort = "8000"

// sourcePort is where SHOUTcast sources go: the port behind that of listeners, which
// the URL has.
func sourcePort(listeners string) string {
	if listeners == "" {
		listeners = radioPort
	}
	n, err := strconv.Atoi(listeners)
	if err != nil {
		return listeners
	}
	return strconv.Itoa(n + 1)
}

func (r *run) datagrams() bool { return len(r.kind.Transports) == 1 && r.kind.Transports[0] == "udp" }

// unanswered says that nobody ever answers the datagrams.
func (r *run) unanswered() bool { return r.kind.Name == "udp" || r.kind.Name == "rtp" }

func (r *run) encrypted() bool {
	switch r.plain {
	case "https", "rtmps", "rtsps", "tshttps":
		return true
	}
	return false
}

// resolve looks the host's name up.
func (r *run) resolve(ctx context.Context) bool {
	since := time.Now()
	if r.host == "" {
		return r.skip(StepResolve, "the box waits to be called")
	}
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", r.host)
	if err != nil {
		return r.bad(StepResolve, since, output.NetworkError(r.address, err))
	}
	names := make([]string, 0, len(ips))
	for _, ip := range ips[:min(len(ips), 4)] {
		names = append(names, ip.Unmap().String())
	}
	return r.good(StepResolve, since, "%s is %s", r.host, strings.Join(names, ", "))
}

// connect reaches the host, as far as its transport can tell.
func (r *run) connect(ctx context.Context) bool {
	since := time.Now()
	switch {
	case r.host == "":
		return r.skip(StepConnect, "the box waits to be called")
	case r.target.Options["interface"] != "":
		if _, err := net.InterfaceByName(r.target.Options["interface"]); err != nil {
			return r.bad(StepConnect, since, output.WithCause(output.CauseLocal, fmt.Errorf("interface: the box has no network interface %q", r.target.Options["interface"])))
		}
		return r.good(StepConnect, since, "datagrams leave by %s; they get no answer", r.target.Options["interface"])
	case r.datagrams():
		c, err := r.dial(ctx, "udp")
		if err != nil {
			return r.bad(StepConnect, since, output.NetworkError(r.address, err))
		}
		defer discard(c)
		return r.good(StepConnect, since, "there is a route to %s, from %s; datagrams get no answer before the stream", r.address, c.LocalAddr())
	}
	c, err := r.dial(ctx, "tcp")
	switch {
	case err != nil && r.o.Busy:
		return r.skip(StepConnect, "the destination is active, and its receiver takes no second connection")
	case err != nil:
		return r.bad(StepConnect, since, output.NetworkError(r.address, err))
	}
	defer discard(c)
	took := time.Since(since)
	r.report.RTT = float64(took) / float64(time.Millisecond)
	return r.good(StepConnect, since, "%s answers after %v", c.RemoteAddr(), took.Round(100*time.Microsecond))
}

func (r *run) dial(ctx context.Context, network string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	return (&net.Dialer{}).DialContext(ctx, network, r.address)
}

// tls negotiates, and looks at the certificate.
func (r *run) tls(ctx context.Context) bool {
	if !r.encrypted() {
		return true
	}
	since := time.Now()
	raw, err := r.dial(ctx, "tcp")
	switch {
	case err != nil && r.o.Busy:
		return true // said by connect
	case err != nil:
		return r.bad(StepTLS, since, output.NetworkError(r.address, err))
	}
	defer discard(raw)
	config := r.target.TLS.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if config.ServerName == "" {
		config.ServerName = r.host
	}
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	c := tls.Client(raw, config)
	if err := c.HandshakeContext(ctx); err != nil {
		if ctx.Err() != nil { // it was reached a moment ago
			err = output.WithCause(output.CauseTLS, output.InWords(r.address+" takes connections but answers no TLS: is the port right, or is it a plain one?", err))
			return r.bad(StepTLS, since, err)
		}
		return r.bad(StepTLS, since, output.NetworkError(r.address, err))
	}
	state := c.ConnectionState()
	text := fmt.Sprintf("%s, trusted", tls.VersionName(state.Version))
	if len(state.PeerCertificates) > 0 {
		until := state.PeerCertificates[0].NotAfter
		text += ", certificate until " + until.UTC().Format(time.DateOnly)
		if left := time.Until(until); left < 3*24*time.Hour {
			return r.add(Step{
				Name: StepTLS, Verdict: Warning, Duration: time.Since(since),
				Text: fmt.Sprintf("%s: it ends in %v", text, left.Round(time.Hour)),
			})
		}
	}
	return r.good(StepTLS, since, "%s", text)
}

// answer has the receiver take a connection, where the protocol has one without
// publishing: that somebody listens shows in nothing before. Publishing shows it too.
func (r *run) answer(ctx context.Context) bool {
	switch {
	case r.kind.Probe == nil || r.o.Publish || r.host == "":
		return true
	case r.o.Busy:
		return r.skip(StepAnswer, "the destination is being published to right now, and its receiver may take no second connection")
	}
	since := time.Now()
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	said, err := r.kind.Probe(ctx, r.target)
	switch {
	case err != nil:
		return r.bad(StepAnswer, since, err)
	case said == "":
		return r.skip(StepAnswer, "in this mode a connection is made for the stream alone")
	}
	return r.good(StepAnswer, since, "%s", said)
}

// clockState asks the kernel whether somebody keeps the clock.
func clockState() (set bool, text string) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil || state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0 {
		return false, "nobody keeps the box's clock right (no NTP): certificates and signatures hold only as well as it does"
	}
	return true, fmt.Sprintf("set, within %v", (time.Duration(t.Maxerror) * time.Microsecond).Round(time.Millisecond))
}
