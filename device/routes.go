package device

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/encoderbox/encoderbox/device/api"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/flight"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/device/web"
)

// routes are the fixed addresses of the box on the LAN.
func (d *box) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", api.Handler(d.store, d))
	mux.Handle("/api/v1/incidents", flight.Handler(d.flight))
	mux.Handle("/api/v1/streams/{stream}/recordings/", sameSite(http.HandlerFunc(d.serveRecordings)))
	mux.Handle("POST /api/v1/streams/{stream}/destinations/{destination}/preflight", sameSite(http.HandlerFunc(d.servePreflight)))
	mux.Handle("POST /api/v1/streams/{stream}/destinations/{destination}/{command}", sameSite(api.CommandDestinations(d.table)))
	commands := sameSite(api.Commands(d.table))
	mux.Handle("/api/v1/commands", commands)
	mux.Handle("/api/v1/commands/", commands)
	mux.Handle("/api/v1/completions", commands)
	mux.Handle("GET /api/v1/exports/{name}", sameSite(http.HandlerFunc(d.serveExport)))
	mux.Handle("GET /api/v1/streams/{stream}/rate", api.Rate(&d.rates))
	past := newShifts()
	mux.Handle("/hls/", past.limit(http.StripPrefix("/hls", d.hls)))
	mux.Handle("/dash/", past.limit(http.StripPrefix("/dash", d.dash)))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.Handle("/", web.Handler())
	return mux
}

// pageURLs are the addresses at which people find the page: for a listener on
// every address, this machine's name for itself and its LAN addresses.
func pageURLs(addr net.Addr) []string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return nil
	}
	url := func(host string) string { return "http://" + net.JoinHostPort(host, port) + "/" }
	if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() {
		return []string{url(host)}
	}
	urls := []string{url("localhost")}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return urls
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			urls = append(urls, url(n.IP.String()))
		}
	}
	return urls
}

// serveRecordings passes a request on to the stream's recorder.
func (d *box) serveRecordings(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("stream")
	if h := d.recordings.Of(name); h != nil {
		h = http.StripPrefix("/api/v1/streams/"+name, h)
		if r.Method == http.MethodPost {
			d.tellRecording(h, w, r)
			return
		}
		h.ServeHTTP(w, r)
		return
	}
	if d.recordings.Expects(name) {
		w.Header().Set("Retry-After", "1")
		api.Fail(w, http.StatusServiceUnavailable, "the storage of stream "+strconv.Quote(name)+" is being read, or cannot be: see the status")
		return
	}
	api.Fail(w, http.StatusNotFound, "stream "+strconv.Quote(name)+" records nothing: there is no such stream, or storage.path is not set")
}

// tellRecording passes a request on and logs who had what done, as the commands do.
func (d *box) tellRecording(h http.Handler, w http.ResponseWriter, r *http.Request) {
	answer := &codeWriter{ResponseWriter: w, code: http.StatusOK}
	h.ServeHTTP(answer, r)
	if answer.code >= http.StatusMultipleChoices {
		return
	}
	by := api.Caller(r)
	d.store.Log(status.Event{
		Severity: status.Info, Stream: r.PathValue("stream"), Subject: "command",
		Message: fmt.Sprintf("record %s: by %s (%s)", path.Base(r.URL.Path), by.Name, by.Surface),
	})
}

// codeWriter remembers the code of an answer.
type codeWriter struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (w *codeWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (w *codeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// sameSite refuses what a web page elsewhere has a browser do here: requests of
// another origin that change something, and those for a name of its own that it
// has pointed at this box (DNS rebinding). No browser comes over the Unix socket.
func sameSite(h http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		api.Fail(w, http.StatusForbidden, "commands are not taken from web pages of other addresses")
	}))
	inner := guard.Handler(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, socket := control.CallerOf(r.Context()); socket {
			h.ServeHTTP(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !ourName(r.Host) {
			api.Fail(w, http.StatusForbidden, "commands are taken for the box's own address or name only, not for "+strconv.Quote(r.Host))
			return
		}
		inner.ServeHTTP(w, r)
	})
}

// ourName says that a Host is an address, or a name that only this network gives.
func ourName(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if net.ParseIP(host) != nil || host == "localhost" || strings.HasSuffix(host, ".local") {
		return true
	}
	own, err := os.Hostname()
	return err == nil && host == strings.ToLower(own)
}
