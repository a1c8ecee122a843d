package device

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestFewListsOfThePastAreMadeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var making, most atomic.Int32
		stalled := make(chan struct{})
		h := newShifts().limit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !shifted(r) {
				_, _ = w.Write([]byte("live"))
				return
			}
			most.Store(max(most.Load(), making.Add(1)))
			time.Sleep(3 * time.Second)
			making.Add(-1)
			_, _ = w.Write([]byte("past"))
			if r.URL.Query().Has("stall") {
				<-stalled
			}
		}))
		get := func(path string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			return w
		}
		var wg sync.WaitGroup
		for range shiftsAtOnce {
			wg.Go(func() { get("/hls/main/index.m3u8?from=1&stall") })
		}
		time.Sleep(4 * time.Second) // these have their answers and do not read them
		var refused atomic.Int32
		for range 10 {
			wg.Go(func() {
				w := get("/hls/main/index.m3u8?offset=1h")
				if w.Code == http.StatusServiceUnavailable && w.Header().Get("Retry-After") != "" {
					refused.Add(1)
				} else if w.Body.String() != "past" {
					t.Errorf("%d %q", w.Code, w.Body)
				}
			})
		}
		time.Sleep(time.Millisecond)
		begin := time.Now()
		if w := get("/hls/main/index.m3u8"); w.Body.String() != "live" || !time.Now().Equal(begin) {
			t.Errorf("live: %d %q after %v", w.Code, w.Body, time.Since(begin))
		}
		time.Sleep(time.Minute)
		close(stalled)
		wg.Wait()
		// Of ten, two at a time for 3 s each, those come to their turn that wait up to 10 s.
		if most.Load() != shiftsAtOnce || refused.Load() != 2 {
			t.Errorf("%d at once, %d refused", most.Load(), refused.Load())
		}
		if w := get("/hls/main/gaps.json"); w.Body.String() != "past" {
			t.Errorf("afterwards: %d %q", w.Code, w.Body)
		}
	})
}
