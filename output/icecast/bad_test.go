package icecast

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// script reads until an empty line, or one line, says its lines, and goes on as then.
func script(until, answer string, then peer.Manner) peer.Manner {
	return func(ctx context.Context, c *peer.BadConn) {
		r := bufio.NewReader(c)
		for line := ""; line != until; {
			var err error
			if line, err = r.ReadString('\n'); err != nil {
				return
			}
			if until == "" {
				break
			}
		}
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
		if then != nil {
			then(ctx, c)
		}
	}
}

func endless(text string) peer.Manner {
	return func(_ context.Context, c *peer.BadConn) {
		for {
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
}

func resetAfter(n int) peer.Manner {
	return func(ctx context.Context, c *peer.BadConn) {
		peer.CloseAfter(n)(ctx, c)
		peer.ResetAtOnce()(ctx, c)
	}
}

func TestServersThatMisbehaveAtTheLogin(t *testing.T) {
	const head = "\r\n"
	for name, c := range map[string]struct {
		scheme string
		manner peer.Manner
		cause  output.Cause
		words  string
	}{
		"reset":                 {"icecast+http", peer.ResetAtOnce(), output.CauseClosed, "connection"},
		"closes":                {"icecast+http", script(head, "", nil), output.CauseClosed, "connection"},
		"says nothing":          {"icecast+http", peer.NeverAnswer(), output.CauseNetwork, "no answer"},
		"garbage":               {"icecast+http", peer.Answer([]byte("\x00\x01\x02 garbage\r\n\r\n")), output.CauseRejected, "does not answer in HTTP"},
		"endless header":        {"icecast+http", script(head, "HTTP/1.1 200 OK\r\n", endless("X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")), output.CauseRejected, "without end"},
		"endless line":          {"icecast+http", endless("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), output.CauseRejected, "without end"},
		"endless 102":           {"icecast+http", endless("HTTP/1.1 102 Processing\r\n\r\n"), output.CauseRejected, "without end"},
		"endless body of a no":  {"icecast+http", script(head, "HTTP/1.0 403 Forbidden\r\n\r\n", endless("no ")), output.CauseRejected, "403 no no"},
		"a no in HTML":          {"icecast+http", script(head, "HTTP/1.0 403 Forbidden\r\n\r\n<html><head><title>x</title></head><body><b>403 - Mountpoint\x07 in use</b></body></html>", nil), output.CauseRejected, "Mountpoint in use"},
		"redirect":              {"icecast+http", script(head, "HTTP/1.0 302 Found\r\nLocation: http://other/\r\n\r\n", nil), output.CauseRejected, "elsewhere"},
		"broken server":         {"icecast+http", script(head, "HTTP/1.0 503 Busy\r\nContent-Length: 0\r\n\r\n", nil), output.CauseRejected, "503"},
		"icy reset":             {"shoutcast", peer.ResetAtOnce(), output.CauseClosed, "connection"},
		"icy invalid password":  {"shoutcast", script("", "invalid password\r\n", nil), output.CauseAuth, "invalid password"},
		"icy stream in use":     {"shoutcast", script("", "Stream In Use\r\n", nil), output.CauseRejected, "Stream In Use"},
		"icy says nothing":      {"shoutcast", peer.NeverAnswer(), output.CauseNetwork, "no answer"},
		"icy endless line":      {"shoutcast", endless("OK2"), output.CauseRejected, "lines without end"},
		"icy endless lines":     {"shoutcast", endless("OK2\r\n"), output.CauseRejected, "answers without end"},
		"icy port is not ours":  {"shoutcast", script("", "HTTP/1.0 400 Bad Request\r\n\r\n", nil), output.CauseRejected, "HTTP/1.0 400"},
		"icy closes in between": {"shoutcast", script("", "OK2\r\nicy-caps:11\r\n", nil), output.CauseClosed, "connection"},
	} {
		t.Run(name, func(t *testing.T) {
			p := peer.StartBadPeer(t, c.manner)
			tg := target(t, c.scheme+"://:sesame@"+p.Addr()+"/m", nil)
			if c.scheme == "shoutcast" {
				tg.URL.Path, tg.URL.Host = "", portBefore(t, p.Addr())
			}
			tracks := []*media.Track{song(t, media.AAC)[0].Track}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := Dial(ctx, tg, tracks)
			requireCause(t, err, c.cause, c.words)
		})
	}
}

func portBefore(t *testing.T, addr string) string {
	t.Helper()
	tg := target(t, "shoutcast://:x@"+addr, nil)
	port, err := shoutcastPort(tg)
	require.NoError(t, err)
	host, _, _ := strings.Cut(addr, ":")
	return host + ":" + strconv.Itoa(port-2)
}

// Servers that take the source, and then misbehave: Write says what is wrong.
func TestServersThatMisbehaveOnTheAir(t *testing.T) {
	const yes = "HTTP/1.1 100 Continue\r\n\r\n"
	for name, c := range map[string]struct {
		manner peer.Manner
		cause  output.Cause
		words  string
	}{
		"never reads":        {script("\r\n", yes, peer.NeverRead()), output.CauseStalled, "taken nothing"},
		"closes later":       {script("\r\n", yes, peer.CloseAfter(5000)), output.CauseClosed, "connection"},
		"resets":             {script("\r\n", yes, resetAfter(3000)), output.CauseClosed, "connection"},
		"talks without end":  {script("\r\n", yes, endless(strings.Repeat("bla ", 1000))), output.CauseRejected, "without end"},
		"a no after the yes": {script("\r\n", yes+"HTTP/1.0 403 Forbidden\r\n\r\nbanned", nil), output.CauseRejected, "banned"},
	} {
		t.Run(name, func(t *testing.T) {
			p := peer.StartBadPeer(t, c.manner)
			conn, err := dial(t, target(t, "icecast+http://:sesame@"+p.Addr()+"/m", nil), media.AAC)
			require.NoError(t, err)
			packets := song(t, media.AAC)
			limit := time.Now().Add(20 * time.Second)
			for n := 0; err == nil && time.Now().Before(limit); n++ {
				err = conn.Write(packets[n%len(packets)])
				time.Sleep(100 * time.Microsecond)
			}
			requireCause(t, err, c.cause, c.words)
			require.NoError(t, conn.Close())
		})
	}
}

func TestCloseEndsAWriteThatIsStuck(t *testing.T) {
	p := peer.StartBadPeer(t, script("\r\n", "HTTP/1.1 100 Continue\r\n\r\n", peer.NeverRead()))
	tg := target(t, "icecast+http://:sesame@"+p.Addr()+"/m", map[string]string{"audio_codec": "mp3", "title": "never told"})
	tg.WriteTimeout = time.Hour
	conn, err := dial(t, tg, media.MP3)
	require.NoError(t, err)
	done, packet := make(chan error, 1), song(t, media.MP3)[0]
	go func() {
		for {
			if err := conn.Write(packet); err != nil {
				done <- err
				return
			}
		}
	}()
	for last := uint64(0); ; {
		time.Sleep(200 * time.Millisecond)
		n := conn.Stats().BytesSent
		if n == last && n > 10_000 {
			break
		}
		last = n
	}
	require.NoError(t, conn.Close())
	require.Error(t, <-done)
}

func TestTracks(t *testing.T) {
	tg := target(t, "icecast+http://:sesame@127.0.0.1:1/m", map[string]string{"audio_codec": "mp3"})
	_, err := Dial(t.Context(), tg, []*media.Track{})
	requireCause(t, err, output.CauseLocal, "no sound in mp3", "audio_codec")
	tg.Options = nil
	_, err = Dial(t.Context(), tg, nil)
	requireCause(t, err, output.CauseLocal, "no sound")
	p := peer.StartBadPeer(t, script("\r\n", "HTTP/1.0 200 OK\r\n\r\n", peer.NeverAnswer()))
	conn, err := dial(t, target(t, "icecast+http://:sesame@"+p.Addr()+"/m", nil), media.AAC)
	require.NoError(t, err)
	require.ErrorIs(t, conn.Write(song(t, media.MP3)[0]), output.ErrTrackChanged)
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		url     string
		options map[string]string
		want    string // "": fine
	}{
		{"icecast+http://:p@h:8000/live", map[string]string{"audio_codec": "opus", "public": "true"}, ""},
		{"icecast+https://joe:p@h/live", nil, ""},
		{"icecast+http://:p@/live", nil, "no host"},
		{"icecast+http://:p@h/", nil, "no mount point"},
		{"icecast+http://:p@h/live", map[string]string{"audio_codec": "flac"}, "audio_codec"},
		{"icecast+http://:p@h/live", map[string]string{"station": "a\r\nb"}, "station"},
		{"icecast+http://:p@h/live", map[string]string{"title": strings.Repeat("x", 1001)}, "title"},
		{"icecast+http://:p@h/live", map[string]string{"public": "maybe"}, "public"},
		{"shoutcast://:p@h:8000", nil, ""},
		{"shoutcast://:p@h", map[string]string{"audio_codec": "mp3"}, ""},
		{"shoutcast://:p@h:8000", map[string]string{"audio_codec": "opus"}, "audio_codec"},
		{"shoutcast://h:8000", nil, "no password"},
		{"shoutcast://:p%0Aq@h:8000", nil, "control characters"},
		{"shoutcast://:p@h:8000/live", nil, "path"},
		{"shoutcast://:p@h:65535", nil, "port"},
	} {
		err := Check(target(t, c.url, c.options))
		if c.want == "" {
			require.NoError(t, err, c.url)
		} else {
			require.ErrorContains(t, err, c.want, c.url)
		}
	}
}

func TestTheRequest(t *testing.T) {
	tg := target(t, "icecast+http://:sesame@h:8000/my%20live", map[string]string{"public": "true", "genre": "news", "audio_bitrate": "96k", "audio_codec": "mp3"})
	c := &conn{address: "h:8000", track: song(t, media.MP3)[0].Track, framer: mpeg{}}
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.putRequest(tg))))
	require.NoError(t, err)
	require.Equal(t, "/my live", req.URL.Path)
	name, password, _ := req.BasicAuth()
	require.Equal(t, "source sesame", name+" "+password)
	for key, want := range map[string]string{
		"Content-Type": "audio/mpeg", "Ice-Name": "radio", "Ice-Genre": "news", "Ice-Public": "1", "Ice-Bitrate": "96",
		"Ice-Audio-Info": "samplerate=44100;channels=2;bitrate=96", "Expect": "100-continue", "User-Agent": "encoderbox 0.0",
	} {
		require.Equal(t, want, req.Header.Get(key), key)
	}
	require.Empty(t, req.TransferEncoding)
	require.Equal(t, []media.Codec{media.MP3}, Takes(tg))
}

func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.0 403 Forbidden\r\n\r\n<b>Mountpoint in use</b>", "OK2\r\nicy-caps:11\r\n\r\n",
		"invalid password\r\n", "HTTP/1.1 102 x\r\n\r\nHTTP/1.1 401 x\r\nContent-Length: 3\r\n\r\nabc", "\x00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, read := range []func(*conn) error{(*conn).answer, (*conn).ok2} {
			c := &conn{address: "h:1", in: bufio.NewReader(bytes.NewReader(b))}
			err := read(c)
			if err == nil {
				continue
			}
			if text := err.Error(); len(text) > 1200 || strings.ContainsAny(text, "\r\n\x00\x1b") {
				t.Errorf("%q", text)
			}
			var answer *output.AnswerError
			if !errors.As(err, &answer) && !errors.Is(err, output.ErrRejected) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("of no kind: %v", err)
			}
		}
	})
}
