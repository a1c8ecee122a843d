package s3

import (
	"bytes"
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/push"
	"github.com/encoderbox/encoderbox/output/request"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// target is a bucket at an endpoint; more options beat the usual ones.
func target(endpoint string, more map[string]string) output.Target {
	options := map[string]string{"endpoint": endpoint, "access_key": peer.MinIOAccessKey, "secret_key": peer.MinIOSecretKey}
	maps.Copy(options, more)
	return output.Target{
		Name: "bucket", URL: &url.URL{Scheme: "s3", Host: peer.MinIOBucket, Path: "/main/hd/"}, Options: options,
		WriteTimeout: 500 * time.Millisecond, Agent: "encoderbox 1",
	}
}

func opened(t *testing.T, to output.Target) output.Files {
	t.Helper()
	if err := Kind.Check(to); err != nil {
		t.Fatal(err)
	}
	f, err := Kind.Files(to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func file(name, content string) output.File {
	return output.File{Name: name, Type: "video/mp4", Size: int64(len(content)), Open: inMemory([]byte(content))}
}

func TestMinIOTakesFiles(t *testing.T) {
	m := peer.StartMinIO(t)
	content := strings.Repeat("moof mdat ", 30_000)
	for name, more := range map[string]map[string]string{"usual": nil, "own cache": {"cache_control": "max-age=60"}} {
		t.Run(name, func(t *testing.T) {
			f := opened(t, target(m.Endpoint(), more))
			seg := file("video_a_"+strings.ReplaceAll(name, " ", "")+".m4s", content)
			if err := f.Put(t.Context(), seg); err != nil {
				t.Fatal(err)
			}
			list := file("index.m3u8", "#EXTM3U")
			list.Type, list.Volatile = "application/vnd.apple.mpegurl", true
			if err := f.Put(t.Context(), list); err != nil {
				t.Fatal(err)
			}
			want := map[string]peer.Object{
				seg.Name:     {Data: []byte(content), Type: "video/mp4", CacheControl: cacheSegments},
				"index.m3u8": {Data: []byte("#EXTM3U"), Type: "application/vnd.apple.mpegurl", CacheControl: "no-cache"},
			}
			if more != nil {
				w := want[seg.Name]
				w.CacheControl = "max-age=60"
				want[seg.Name] = w
			}
			for name, w := range want {
				o, err := m.Object(t.Context(), "main/hd/"+name)
				if err != nil {
					t.Fatal(err)
				}
				sum := md5.Sum(w.Data)
				if !bytes.Equal(o.Data, w.Data) || o.Type != w.Type || o.CacheControl != w.CacheControl || o.ETag != hex.EncodeToString(sum[:]) {
					t.Errorf("%s: %d bytes, %q, %q, %q", name, len(o.Data), o.Type, o.CacheControl, o.ETag)
				}
				info, err := f.Stat(t.Context(), name)
				if err != nil || info.Size != int64(len(w.Data)) || info.ETag != o.ETag {
					t.Errorf("stat %s: %+v, %v", name, info, err)
				}
			}
			seg.New = true
			var no *output.AnswerError
			if err := f.Put(t.Context(), seg); !errors.As(err, &no) || no.Status != http.StatusPreconditionFailed {
				t.Errorf("stored again: %v", err)
			}
			if err := f.Delete(t.Context(), seg.Name); err != nil {
				t.Error(err)
			}
			if err := f.Delete(t.Context(), seg.Name); err != nil {
				t.Errorf("deleted twice: %v", err)
			}
			if _, err := f.Stat(t.Context(), seg.Name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after it was deleted: %v", err)
			}
			unsized := file("unsized.m4s", "whole")
			unsized.Size = -1
			if err := f.Put(t.Context(), unsized); err != nil {
				t.Error(err)
			}
			if err := f.Put(t.Context(), file("empty.m4s", "")); err != nil {
				t.Error(err)
			}
		})
	}
}

// What MinIO refuses is told as what it is, without the keys.
func TestMinIORefuses(t *testing.T) {
	m := peer.StartMinIO(t)
	other := &url.URL{Scheme: "s3", Host: "nobodys-bucket", Path: "/x"}
	for name, c := range map[string]struct {
		more  map[string]string
		url   *url.URL
		cause output.Cause
		want  string
	}{
		"wrong secret": {map[string]string{"secret_key": "another-word"}, nil, output.CauseAuth, "secret_key is not the one"},
		"wrong key":    {map[string]string{"access_key": "nobody-at-all"}, nil, output.CauseAuth, "no such access_key"},
		"no bucket":    {nil, other, output.CauseRejected, `no bucket "nobodys-bucket"`},
	} {
		t.Run(name, func(t *testing.T) {
			to := target(m.Endpoint(), c.more)
			if c.url != nil {
				to.URL = c.url
			}
			err := opened(t, to).Put(t.Context(), file("a.m4s", "x"))
			if output.CauseOf(err) != c.cause || !errors.Is(err, output.ErrRejected) || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("%s: %v", output.CauseOf(err), err)
			}
			told := push.Describe(to, err)
			for _, secret := range []string{to.Options["secret_key"], to.Options["access_key"], "\n"} {
				if strings.Contains(told, secret) {
					t.Errorf("%q is in %q", secret, told)
				}
			}
		})
	}
}

func TestMinIOBehindTLS(t *testing.T) {
	m, ca := peer.StartMinIO(t), peer.NewCA(t)
	for name, c := range map[string]struct {
		cert  peer.CertOptions
		trust *tls.Config
		cause output.Cause
	}{
		"good":       {peer.CertOptions{}, &tls.Config{RootCAs: ca.Pool}, ""},
		"wrong CA":   {peer.CertOptions{}, &tls.Config{RootCAs: peer.NewCA(t).Pool}, output.CauseTLS},
		"expired":    {peer.CertOptions{NotAfter: time.Now().Add(-time.Minute)}, &tls.Config{RootCAs: ca.Pool}, output.CauseTLS},
		"other name": {peer.CertOptions{Hosts: []string{"elsewhere.example"}}, &tls.Config{RootCAs: ca.Pool}, output.CauseTLS},
	} {
		t.Run(name, func(t *testing.T) {
			front := peer.StartTLSFront(t, ca, m.Addr(), c.cert)
			to := target("https://"+front.Addr(), nil)
			to.TLS = c.trust
			err := opened(t, to).Put(t.Context(), file("a.m4s", strings.Repeat("x", 100_000)))
			if output.CauseOf(err) != c.cause || (err != nil) != errors.Is(err, output.ErrNotSent) {
				t.Errorf("%s: %v", output.CauseOf(err), err)
			}
		})
	}
}

// Answers of servers that are no MinIO, or that have had enough.
func TestAnswersInWords(t *testing.T) {
	var code int
	var s3 string
	var tries atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tries.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Retry-After", "3")
		w.Header().Set("X-Amz-Bucket-Region", "eu-west-3")
		w.WriteHeader(code)
		if s3 != "" {
			fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>the words&#10;and secret</Message></Error>`, s3)
		}
	}))
	defer srv.Close()
	f := opened(t, target(srv.URL, nil))
	for _, c := range []struct {
		code    int
		s3      string
		cause   output.Cause
		finer   string
		lasting bool
		want    string
	}{
		{403, "RequestTimeTooSkewed", output.CauseLocal, "local", true, "clock of this box"},
		{403, "AccessDenied", output.CauseAuth, "auth", true, "s3:PutObject"},
		{403, "SignatureDoesNotMatch", output.CauseAuth, "auth", true, "secret_key"},
		{503, "SlowDown", output.CauseRejected, "busy", false, "come later"},
		{500, "InternalError", output.CauseRejected, "server", false, "failed"},
		{400, "AuthorizationHeaderMalformed", output.CauseRejected, "rejected", true, "region eu-west-3: set region"},
		{301, "PermanentRedirect", output.CauseRejected, "rejected", true, "region eu-west-3"},
		{404, "NoSuchBucket", output.CauseRejected, "path", true, "no bucket"},
		{400, "EntityTooLarge", output.CauseRejected, "too_large", true, "shorter"},
		{507, "", output.CauseRejected, "full", true, "room"},
		{502, "", output.CauseRejected, "server", false, "failed"},
		{404, "", output.CauseRejected, "path", true, "speaks S3"},
		{405, "", output.CauseRejected, "rejected", true, "speaks S3"},
	} {
		code, s3 = c.code, c.s3
		tries.Store(0)
		err := f.Put(t.Context(), file("a.m4s", "x"))
		var no *output.AnswerError
		if !errors.As(err, &no) || no.Cause != c.finer || no.Lasting() != c.lasting || no.RetryAfter != 3*time.Second ||
			output.CauseOf(err) != c.cause || !strings.Contains(err.Error(), c.want) || strings.ContainsAny(err.Error(), "\n") {
			t.Errorf("%d %s: %s: %v", c.code, c.s3, output.CauseOf(err), err)
		}
		if tries.Load() != 1 {
			t.Errorf("%d %s: %d attempts", c.code, c.s3, tries.Load())
		}
	}
}

// A peer that takes the connection and nothing else, that never answers, or
// that never stops answering is cut off.
func TestPeersThatMisbehave(t *testing.T) {
	for name, c := range map[string]struct {
		do    func(w http.ResponseWriter, r *http.Request, stop <-chan struct{})
		cause output.Cause
	}{
		"never reads": {func(_ http.ResponseWriter, _ *http.Request, stop <-chan struct{}) { <-stop }, output.CauseStalled},
		"never answers": {func(_ http.ResponseWriter, r *http.Request, stop <-chan struct{}) {
			_, _ = io.CopyN(io.Discard, r.Body, 100)
			<-stop
		}, output.CauseStalled},
		"closes": {func(_ http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
			_, _ = io.CopyN(io.Discard, r.Body, 100<<10)
			panic(http.ErrAbortHandler)
		}, output.CauseClosed},
		"endless answer": {func(w http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
			_, _ = io.Copy(io.Discard, r.Body)
			for {
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		}, ""},
		"endless no": {func(w http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusForbidden)
			for {
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		}, output.CauseAuth},
	} {
		t.Run(name, func(t *testing.T) {
			stop := make(chan struct{})
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.do(w, r, stop) }))
			defer srv.Close()
			defer close(stop)
			size := 64 << 20
			if c.cause == output.CauseAuth || c.cause == "" {
				size = 100
			}
			err := opened(t, target(srv.URL, nil)).Put(t.Context(), file("a.m4s", strings.Repeat("x", size)))
			if output.CauseOf(err) != c.cause || errors.Is(err, output.ErrNotSent) {
				t.Errorf("%s: %v", output.CauseOf(err), err)
			}
		})
	}
}

func TestNothingListens(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	err := opened(t, target(srv.URL, nil)).Put(t.Context(), file("a.m4s", "x"))
	if output.CauseOf(err) != output.CauseRefused || !errors.Is(err, output.ErrNotSent) || strings.Contains(err.Error(), "a.m4s") {
		t.Errorf("%s: %v", output.CauseOf(err), err)
	}
}

func TestAKeyThatMayNotListStillStores(t *testing.T) {
	f := opened(t, target(refusing(t, http.StatusForbidden), nil))
	if _, err := f.Stat(t.Context(), "a.m4s"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
	f = opened(t, target(refusing(t, http.StatusServiceUnavailable), nil))
	var no *output.AnswerError
	if _, err := f.Stat(t.Context(), "a.m4s"); !errors.As(err, &no) || no.Cause != request.CauseBusy {
		t.Errorf("got %v", err)
	}
}

func refusing(t *testing.T, code int) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestOptionsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		url  string
		more map[string]string
		want string
	}{
		"good":           {"", map[string]string{"playlists": "both", "path_style": "false", "store": "in_order", "region": "eu-west-3"}, ""},
		"no bucket":      {"s3:///x", nil, "no bucket"},
		"bad bucket":     {"s3://b/x", nil, `bucket "b"`},
		"keys in URL":    {"s3://geheim:secret@bucket/x", nil, "access_key"},
		"scheme":         {"https://b/x", nil, "not s3"},
		"endpoint":       {"", map[string]string{"endpoint": "minio:9000"}, "endpoint"},
		"endpoint path":  {"", map[string]string{"endpoint": "https://minio/bucket"}, "endpoint"},
		"path style":     {"", map[string]string{"path_style": "maybe"}, "path_style"},
		"playlists":      {"", map[string]string{"playlists": "all"}, "playlists"},
		"no key":         {"", map[string]string{"access_key": ""}, "both needed"},
		"region":         {"", map[string]string{"region": "eu west"}, "region"},
		"control":        {"", map[string]string{"secret_key": "a\nsecret"}, "secret_key"},
		"store":          {"", map[string]string{"store": "sometimes"}, "live_first"},
		"of another one": {"", map[string]string{"method": "PUT"}, "not known"},
	} {
		to := target("http://minio:9000", c.more)
		if c.url != "" {
			to.URL, _ = url.Parse(c.url)
		}
		err := Kind.Check(to)
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "geheim")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := Kind.Manifests(target("", map[string]string{"playlists": "both"})); len(got) != 2 {
		t.Errorf("both are %q", got)
	}
}
