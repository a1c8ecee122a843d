package api

import (
	"errors"
	"net"
	"net/http"
	"strconv"
)

// ErrNoDestination is in the errors of Destinations where there is none of the name.
var ErrNoDestination = errors.New("no such destination")

// Destinations is what people can ask of running destinations. An error that is no
// ErrNoDestination says why a command cannot be taken now.
type Destinations interface {
	// PauseDestination ends its connection until it is resumed; by says who wants it.
	PauseDestination(stream, destination, by string) error
	ResumeDestination(stream, destination string) error
	// RetryDestination forgets its failures and makes its next attempt now.
	RetryDestination(stream, destination string) error
}

// CommandDestinations serves POST …/{stream}/destinations/{destination}/{command}
// with the commands pause, resume and retry. It answers 204 when a command was
// taken; what comes of it is in the status.
func CommandDestinations(d Destinations) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream, name := r.PathValue("stream"), r.PathValue("destination")
		var err error
		switch command := r.PathValue("command"); command {
		case "pause":
			err = d.PauseDestination(stream, name, who(r))
		case "resume":
			err = d.ResumeDestination(stream, name)
		case "retry":
			err = d.RetryDestination(stream, name)
		default:
			fail(w, http.StatusNotFound, "no such command: "+strconv.Quote(command)+", expected pause, resume or retry")
			return
		}
		switch {
		case errors.Is(err, ErrNoDestination):
			fail(w, http.StatusNotFound, err.Error())
		case err != nil:
			fail(w, http.StatusConflict, err.Error())
		default:
			header(w)
			w.WriteHeader(http.StatusNoContent)
		}
	})
}

// who asks, as others are told.
func who(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || isLoopback(r.RemoteAddr) {
		return "a person at the box"
	}
	return host
}
