package api

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/encoderbox/encoderbox/device/status"
)

// ErrNoStream is in the errors of Rates where there is none of the name.
var ErrNoStream = errors.New("no such stream")

// Rates has what happened to the bit rates of streams.
type Rates interface {
	// RateHistory is what came after the number since, at most ten minutes of it.
	RateHistory(stream string, since uint64) (status.RateHistory, error)
}

// Rate serves GET …/{stream}/rate?since=SEQ.
func Rate(rates Rates) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		since := uint64(0)
		if text := r.URL.Query().Get("since"); text != "" {
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				fail(w, http.StatusBadRequest, "since is "+strconv.Quote(text)+", expected the number that was next in the answer before")
				return
			}
			since = n
		}
		h, err := rates.RateHistory(r.PathValue("stream"), since)
		switch {
		case errors.Is(err, ErrNoStream):
			fail(w, http.StatusNotFound, err.Error())
		case err != nil:
			fail(w, http.StatusInternalServerError, err.Error())
		default:
			replyCompact(w, h)
		}
	})
}
