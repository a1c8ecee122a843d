package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/encoderbox/encoderbox/device/status"
)

type fakeRates struct{ since uint64 }

func (f *fakeRates) RateHistory(stream string, since uint64) (status.RateHistory, error) {
	f.since = since
	switch stream {
	case "main":
		return status.RateHistory{
			Stream: stream, Next: since + 1,
			Points: []status.RatePoint{{Sequence: since + 1, Paths: map[string]status.RatePathPoint{"a": {Target: 5, State: "shed"}}}},
		}, nil
	case "sick":
		return status.RateHistory{}, fmt.Errorf("no memory")
	}
	return status.RateHistory{}, fmt.Errorf("%w: %q", ErrNoStream, stream)
}

func TestRate(t *testing.T) {
	rates := &fakeRates{}
	mux := http.NewServeMux()
	mux.Handle("GET /api/v1/streams/{stream}/rate", Rate(rates))
	for _, c := range []struct {
		path  string
		code  int
		since uint64
	}{
		{"main/rate", http.StatusOK, 0},
		{"main/rate?since=41", http.StatusOK, 41},
		{"main/rate?since=-1", http.StatusBadRequest, 41},
		{"main/rate?since=x", http.StatusBadRequest, 41},
		{"sick/rate", http.StatusInternalServerError, 0},
		{"other/rate", http.StatusNotFound, 0},
	} {
		w := do(mux, call{method: http.MethodGet, path: "/api/v1/streams/" + c.path, remote: "192.0.2.7:99"})
		if w.Code != c.code || rates.since != c.since {
			t.Errorf("%s: %d, since %d: %s", c.path, w.Code, rates.since, w.Body)
		}
		if c.code == http.StatusOK {
			var h status.RateHistory
			if err := json.Unmarshal(w.Body.Bytes(), &h); err != nil || h.Points[0].Paths["a"].State != "shed" || h.Next != c.since+1 {
				t.Errorf("%s: %v: %s", c.path, err, w.Body)
			}
		}
	}
}
