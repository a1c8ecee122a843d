package forward

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Eyevinn/dash-mpd/mpd"

	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/dash"
	"github.com/encoderbox/encoderbox/output/hls"
	"github.com/encoderbox/encoderbox/output/origin"
	"github.com/encoderbox/encoderbox/output/s3"
	"github.com/encoderbox/encoderbox/output/segment"
)

// both renders HLS and DASH.
func both() func(*segment.Window) (map[string][]byte, error) {
	d := new(dash.Pushed)
	return func(w *segment.Window) (map[string][]byte, error) {
		all, err := hls.Playlists(w)
		if err != nil {
			return nil, err
		}
		m, err := d.Playlists(w)
		maps.Copy(all, m)
		return all, err
	}
}

// mpdReferences are the files that a manifest names.
func mpdReferences(manifest []byte) (refs []string, err error) {
	m, err := mpd.ReadFromString(string(manifest))
	if err != nil {
		return nil, err
	}
	for _, p := range m.Periods {
		for _, set := range p.AdaptationSets {
			t := set.SegmentTemplate
			refs = append(refs, t.Initialization)
			n := *t.StartNumber
			for _, s := range t.SegmentTimeline.S {
				for range s.R + 1 {
					refs = append(refs, strings.ReplaceAll(t.Media, "$Number$", fmt.Sprint(n)))
					n++
				}
			}
		}
	}
	return refs, nil
}

// strict is a server whose answers come late and out of their order, and that notes
// what is named while it is not there.
func strict(v *server) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		file := filepath.Base(q.URL.Path)
		if q.Method == http.MethodDelete {
			v.set(func() {
				delete(v.files, file)
				for name, list := range v.files {
					refs := references(string(list))
					if strings.HasSuffix(name, ".mpd") {
						refs, _ = mpdReferences(list)
					}
					if !strings.HasSuffix(name, ".m4s") && slices.Contains(refs, file) {
						v.broken = append(v.broken, fmt.Sprintf("%s was deleted while %s named it", file, name))
					}
				}
			})
			return
		}
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return
		}
		v.set(func() {
			v.check(file, body)
			if strings.HasSuffix(file, ".mpd") {
				refs, err := mpdReferences(body)
				if err != nil || len(refs) == 0 {
					v.broken = append(v.broken, fmt.Sprintf("%s: %v", file, err))
				}
				v.broken = append(v.broken, slices.DeleteFunc(refs, func(ref string) bool { return v.files[ref] != nil })...)
			}
		})
		time.Sleep(rand.N(15 * time.Millisecond))
		v.set(func() {
			if kind, _, ok := strings.Cut(file, "_"); ok && strings.HasSuffix(file, ".m4s") && v.files[kind+"_a1_init1.mp4"] == nil {
				v.broken = append(v.broken, file+" came before its header")
			}
			v.files[file] = body
			v.puts[file]++
		})
		w.WriteHeader(http.StatusCreated)
	})
}

// A server whose answers come late and out of their order is at no moment given
// a playlist or a manifest that names what it does not have, and no segment before
// its header.
func TestNothingIsNamedBeforeItIsThere(t *testing.T) {
	v := newServer(0)
	srv := httptest.NewServer(strict(v))
	defer srv.Close()
	r := compressed(t, newStream("a1", 1), srv.URL, map[string]string{"delete_old": "true", "dvr": "20s"})
	r.spec.Playlists = both()
	r.start()
	r.fast(60)
	r.await("live", func(st Status) bool { return done(st) && st.Deleted > 0 })
	r.stop()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, b := range v.broken {
		t.Errorf("named before it was there: %s", b)
	}
	if v.files["manifest.mpd"] == nil || v.files["dvr.mpd"] == nil || v.files["index.m3u8"] == nil {
		t.Errorf("files %v", slices.Sorted(maps.Keys(v.files)))
	}
}

// quiet: live, and nothing was deleted since so many looks.
func quiet(looks int) func(Status) bool {
	var last uint64
	same := 0
	return func(st Status) bool {
		if !done(st) || st.Deleted != last {
			last, same = st.Deleted, 0
		}
		same++
		return same > looks
	}
}

// A manifest that cannot be made for a while stays on the server as it was: what it
// names must stay, too.
func TestNothingIsDeletedThatAnOldManifestNames(t *testing.T) {
	v := newServer(0)
	srv := httptest.NewServer(strict(v))
	defer srv.Close()
	for _, dvr := range []string{"0s", "20s"} {
		r := compressed(t, newStream("a1", 1), srv.URL, map[string]string{"delete_old": "true", "dvr": dvr})
		var clock atomic.Bool
		clock.Store(true)
		all := both()
		r.spec.Playlists = func(w *segment.Window) (map[string][]byte, error) {
			files, err := all(w)
			if !clock.Load() {
				delete(files, "manifest.mpd")
				err = errors.New("the time of day is not known")
			}
			return files, err
		}
		r.start()
		r.fast(40)
		r.await("live and nothing left to delete", quiet(20))
		clock.Store(false)
		deleted := r.dest.Status().Deleted
		r.fast(40)
		r.await("live without a manifest, and deleting nothing", quiet(20))
		if text := r.dest.Status().Text; !strings.Contains(text, "time of day") {
			t.Errorf("the status says %q of a manifest that is missing", text)
		}
		clock.Store(true)
		r.fast(10)
		r.await("deleting again", func(st Status) bool { return done(st) && st.Deleted > deleted })
		r.stop()
		v.mu.Lock()
		for _, b := range v.broken {
			t.Errorf("dvr %s: %s", dvr, b)
		}
		v.mu.Unlock()
		v.set(func() { clear(v.files) })
	}
}

// place is a receiver as the next test needs it.
type place struct {
	kill, start func()
	read        func(name string) ([]byte, error)
	url         string
	kind        output.Kind
	options     map[string]string
}

func places() map[string]func(*testing.T) place {
	return map[string]func(*testing.T) place{
		"dash": func(t *testing.T) place {
			o := peer.StartOrigin(t, peer.OriginOptions{})
			return place{
				kill: o.Kill, start: o.Start, url: strings.Replace(o.URL(), "http", "dash+http", 1), kind: origin.DASH,
				read: func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(o.Dir(), name)) },
			}
		},
		"s3": func(t *testing.T) place {
			m := peer.StartMinIO(t)
			return place{
				kill: m.Kill, start: m.Start, url: "s3://" + peer.MinIOBucket + "/a/b/", kind: s3.Kind,
				options: map[string]string{
					"endpoint": m.Endpoint(), "access_key": peer.MinIOAccessKey, "secret_key": peer.MinIOSecretKey, "playlists": "both",
				},
				read: func(name string) ([]byte, error) {
					o, err := m.Object(t.Context(), "a/b/"+name)
					if err != nil {
						return nil, err
					}
					return o.Data, nil
				},
			}
		},
	}
}

// What is missed while a receiver is away follows, whatever its protocol.
func TestEveryKindHasEverythingAfterAnOutage(t *testing.T) {
	for name, open := range places() {
		for _, mode := range []string{"live_first", "in_order"} {
			t.Run(name+" "+mode, func(t *testing.T) {
				p := open(t)
				options := map[string]string{"store": mode, "store_share": "90", "dvr": "1h"}
				maps.Copy(options, p.options)
				r := compressed(t, newStream("a1", 1), "http://replaced/", options)
				r.spec.Kind, r.spec.Playlists = p.kind, both()
				u, err := url.Parse(p.url)
				if err != nil {
					t.Fatal(err)
				}
				r.spec.Target.URL = u
				r.start()
				defer func() { r.stop() }()
				r.fast(20)
				r.await("live", done)
				p.kill()
				r.fast(60)
				r.await("behind", func(st Status) bool { return st.State == Retrying && st.Stored })
				r.stop() // and the box is restarted
				r.start()
				p.start()
				r.fast(30)
				newest := fmt.Sprintf("video_a1_%d.m4s", r.stream.next-1)
				r.await("live and its manifest up to date", func(st Status) bool {
					manifest, err := p.read("manifest.mpd")
					if err != nil || !done(st) {
						return false
					}
					refs, err := mpdReferences(manifest)
					return err == nil && slices.Contains(refs, newest)
				})
				r.stop()
				if st := r.dest.Status(); st.Skipped > 0 || len(st.Errors) > 0 && strings.Contains(fmt.Sprint(st.Errors), peer.MinIOSecretKey) {
					t.Errorf("%+v", st)
				}
				for name, want := range r.stream.all {
					if got, err := p.read(name); err != nil || !bytes.Equal(got, want) {
						t.Errorf("%s: %d bytes, want %d, or others: %v", name, len(got), len(want), err)
					}
				}
			})
		}
	}
}
