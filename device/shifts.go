package device

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/output/serve"
)

// Requests for another time than now are answered from storage: a day's list
// takes tens of megabytes and seconds while it is made. So few are made at once,
// whoever asks how often, and live goes on beside them.
const (
	shiftsAtOnce = 2
	shiftWait    = 10 * time.Second
)

// shifts bounds the lists of the past that are being made on the box.
type shifts chan struct{}

func newShifts() shifts { return make(shifts, shiftsAtOnce) }

// limit lets requests for another time than now wait for their turn. A turn ends
// with the first byte of the answer: clients that stall hold nobody up.
func (s shifts) limit(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !shifted(r) {
			h.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), shiftWait)
		defer cancel()
		select {
		case s <- struct{}{}:
		case <-ctx.Done():
			w.Header().Set("Access-Control-Allow-Origin", "*") // as on all of their answers
			w.Header().Set("Retry-After", "5")
			serve.Fail(w, http.StatusServiceUnavailable, "the box is making lists of the past for others: ask again in a few seconds")
			return
		}
		t := &turn{ResponseWriter: w, over: sync.OnceFunc(func() { <-s })}
		defer t.over()
		h.ServeHTTP(t, r)
	})
}

// shifted says that a request asks for another time than now. The list of gaps
// does so without a query.
func shifted(r *http.Request) bool {
	q := r.URL.Query()
	return q.Has("from") || q.Has("offset") || q.Has("duration") || strings.HasSuffix(r.URL.Path, "/gaps.json")
}

// turn ends when the answer begins.
type turn struct {
	http.ResponseWriter
	over func()
}

func (t *turn) WriteHeader(code int) {
	t.over()
	t.ResponseWriter.WriteHeader(code)
}

func (t *turn) Write(b []byte) (int, error) {
	t.over()
	return t.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (t *turn) Unwrap() http.ResponseWriter { return t.ResponseWriter }
