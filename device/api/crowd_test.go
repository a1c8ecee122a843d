package api

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/encoderbox/encoderbox/device/status"
)

// Whoever opens pages by the hundred must not take the encoder's time.
func TestEventStreamsAreBounded(t *testing.T) {
	store := status.NewStore("")
	srv := httptest.NewServer(Handler(store, &fakeConfig{}))
	t.Cleanup(srv.Close)
	get := func() *http.Response {
		t.Helper()
		resp, err := http.Get(srv.URL + "/api/v1/events")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	first := get()
	for range maxStreams - 1 {
		if resp := get(); resp.StatusCode != http.StatusOK {
			t.Fatalf("refused with %s", resp.Status)
		}
	}
	over := get()
	body, err := io.ReadAll(over.Body)
	if over.StatusCode != http.StatusServiceUnavailable || err != nil || !json.Valid(body) || over.Header.Get("Retry-After") == "" {
		t.Fatalf("one too many: %s %s %v", over.Status, body, err)
	}
	_ = first.Body.Close() // its place is free once the server has noticed
	for get().StatusCode != http.StatusOK {
		store.Log(status.Event{Message: "something to send"})
	}
}

func TestASnapshotIsEncodedOnceForAllStreams(t *testing.T) {
	var shared sharedDocument
	store := status.NewStore("")
	one, err := shared.document(store.Load())
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := shared.document(store.Load()); &again[0] != &one[0] {
		t.Error("encoded again")
	}
	store.Stream("main").SetInput(status.Input{Kind: "pattern"})
	if next, _ := shared.document(store.Load()); string(next) == string(one) {
		t.Error("an old snapshot for a new one")
	}
}
