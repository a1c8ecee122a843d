package device

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/encoderbox/encoderbox/device/adapt"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/reconcile"
	"github.com/encoderbox/encoderbox/encode/rate"
)

func TestWhichDestinationIsPrimary(t *testing.T) {
	dest := func(url string, enabled, primary bool) config.Destination {
		d := config.DefaultDestination()
		d.URL, d.Enabled, d.Primary = config.NewSecretURL(url), enabled, primary
		return d
	}
	const video, radio = "srt://h:1", "icecast+http://source:x@h/live"
	for want, all := range map[string]map[string]config.Destination{
		"":  {"r": dest(radio, true, false), "off": dest(video, false, false)},
		"b": {"a": dest(video, false, false), "b": dest(video, true, false), "c": dest(video, true, false)},
		"c": {"a": dest(radio, true, false), "c": dest(video, true, false)},
		"z": {"a": dest(video, true, false), "z": dest(video, true, true)},
	} {
		if got := primary(config.Stream{Destinations: all}); got != want {
			t.Errorf("primary %q, want %q", got, want)
		}
	}
}

func TestTheBitRatesOfAStreamChangeLive(t *testing.T) {
	d := newBox(Options{Stderr: io.Discard}, &config.Config{})
	st := d.stream("main")
	sc := config.DefaultStreamConfig()
	c := d.rateComponent(st, sc)
	r, err := c.Make()
	if err != nil {
		t.Fatal(err)
	}
	sc.Video.Bitrate = config.VideoBitrate{Min: 1_000_000, Start: 2_000_000, Max: 3_000_000, Mode: "fixed", Policy: "best-for-most"}
	if err := r.(reconcile.Updater).Update(d.rateComponent(st, sc).Spec); err != nil {
		t.Fatal(err)
	}
	want := adapt.Config{StreamConfig: rate.StreamConfig{Min: 1_000_000, Start: 2_000_000, Max: 3_000_000, Policy: rate.BestForMost, Fixed: true}}
	if got := r.(*rateRunner).spec.loop(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if err := r.(reconcile.Updater).Update("another spec"); !errors.Is(err, reconcile.ErrRestart) {
		t.Errorf("a spec of something else: %v", err)
	}
}

func TestTheHistoryOfTheBitRateIsServed(t *testing.T) {
	d := newBox(Options{Stderr: io.Discard}, &config.Config{})
	st := d.stream("main")
	get := func() int {
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/streams/main/rate?since=0", nil))
		return w.Code
	}
	if code := get(); code != http.StatusOK {
		t.Errorf("%d", code)
	}
	d.rateComponent(st, config.DefaultStreamConfig()).Removed()
	if code := get(); code != http.StatusNotFound {
		t.Errorf("of a stream that is gone: %d", code)
	}
}
