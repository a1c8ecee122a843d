package icecast

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// send writes packets in their own time.
func send(t *testing.T, c output.Conn, packets []media.Packet) (wait func()) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		begin := time.Now()
		for _, p := range packets {
			time.Sleep(time.Until(begin.Add(p.PTS - packets[0].PTS)))
			if err := c.Write(p); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	return func() { require.NoError(t, <-done) }
}

func TestIcecastPlaysEveryCodec(t *testing.T) {
	server := peer.StartIcecast(t, peer.IcecastOptions{Password: "sesame"})
	for _, c := range []struct {
		codec       media.Codec
		option, typ string
	}{{media.AAC, "aac", "audio/aac"}, {media.MP3, "mp3", "audio/mpeg"}, {media.Opus, "opus", "audio/ogg"}} {
		t.Run(c.option, func(t *testing.T) {
			mount := "/live-" + c.option
			listens(t, server, "icecast+http://:sesame@"+server.Addr()+mount, mount, c.codec, c.option, c.typ)
		})
	}
}

func TestShoutcastPlays(t *testing.T) {
	server := peer.StartIcecast(t, peer.IcecastOptions{Password: "sesame"})
	for _, c := range []struct {
		codec       media.Codec
		option, typ string
	}{{media.AAC, "aac", "audio/aacp"}, {media.MP3, "mp3", "audio/mpeg"}} {
		t.Run(c.option, func(t *testing.T) {
			listens(t, server, "shoutcast://:sesame@"+server.Addr(), "/shout", c.codec, c.option, c.typ)
		})
	}
}

// listens sends a song to a server, and has ffmpeg listen to it.
func listens(t *testing.T, server *peer.Icecast, url, mount string, codec media.Codec, option, typ string) {
	t.Helper()
	title := "Söng & more"
	if strings.HasPrefix(url, "shoutcast") {
		title = "Song & more" // SHOUTcast has no word for the character set
	}
	tg := target(t, url, map[string]string{
		"audio_codec": option, "station": "Radio U", "genre": "test", "title": title, "public": "false", "audio_bitrate": "128k",
	})
	require.NoError(t, Check(tg))
	conn, err := dial(t, tg, codec)
	require.NoError(t, err)
	packets := song(t, codec)
	wait := send(t, conn, packets)
	var source peer.IcecastSource
	require.Eventually(t, func() bool {
		all, err := server.Sources(t.Context())
		if err != nil {
			t.Log(err)
		}
		for _, s := range all {
			if strings.HasSuffix(s.ListenURL, mount) {
				source = s
			}
		}
		return source.Name != "" && (source.Title != "" || codec == media.Opus)
	}, 10*time.Second, 50*time.Millisecond)
	require.Equal(t, "Radio U", source.Name)
	require.Equal(t, "test", source.Genre)
	require.Equal(t, typ, source.Type)
	if codec != media.Opus {
		require.Equal(t, title, source.Title)
	}
	heard, err := peer.Decode(t.Context(), server.URL(mount), 2*time.Second)
	require.NoError(t, err)
	require.InDelta(t, 2*time.Second, heard.Media, float64(200*time.Millisecond))
	wait()
	require.Greater(t, conn.Stats().BytesSent, uint64(30_000))
	require.NoError(t, conn.Close())
	require.NoError(t, conn.Close())
	require.Error(t, conn.Write(packets[0]))
	require.Eventually(t, func() bool {
		all, err := server.Sources(t.Context())
		if err != nil {
			return false
		}
		for _, s := range all {
			if strings.HasSuffix(s.ListenURL, mount) {
				return false
			}
		}
		return true
	}, 10*time.Second, 50*time.Millisecond, "the source is still there")
}

func TestIcecastRefuses(t *testing.T) {
	server := peer.StartIcecast(t, peer.IcecastOptions{Password: "sesame", Sources: 1})
	at := func(scheme, password, rest string) output.Target {
		return target(t, scheme+"://:"+password+"@"+server.Addr()+rest, nil)
	}
	require.ErrorIs(t, refused(t, at("icecast+http", "sesame1", "/a"), output.CauseAuth, "401", "password"), output.ErrRejected)
	require.ErrorIs(t, refused(t, target(t, "icecast+http://"+server.Addr()+"/a", nil), output.CauseAuth, "401"), output.ErrRejected)
	require.ErrorIs(t, refused(t, at("shoutcast", "sesame1", ""), output.CauseAuth, "password"), output.ErrRejected)
	conn, err := dial(t, at("icecast+http", "sesame", "/a"), media.AAC)
	require.NoError(t, err)
	require.NoError(t, conn.Write(song(t, media.AAC)[0]))
	require.NotErrorIs(t, refused(t, at("icecast+http", "sesame", "/a"), output.CauseRejected, "403", "in use"), output.ErrRejected)
	refused(t, at("icecast+http", "sesame", "/b"), output.CauseRejected, "403", "too many")
	// A SHOUTcast source hears of it only when it has begun.
	late, err := dial(t, at("shoutcast", "sesame", ""), media.AAC)
	require.NoError(t, err)
	require.Eventually(t, func() bool { err = late.Write(song(t, media.AAC)[0]); return err != nil }, 5*time.Second, 10*time.Millisecond)
	requireCause(t, err, output.CauseRejected, "403", "too many")
	server.Stop()
	require.Eventually(t, func() bool { err = conn.Write(song(t, media.AAC)[0]); return err != nil }, 5*time.Second, 10*time.Millisecond)
	requireCause(t, err, output.CauseClosed, "connection")
	refused(t, at("icecast+http", "sesame", "/a"), output.CauseRefused)
}

func TestIcecastBehindTLS(t *testing.T) {
	ca := peer.NewCA(t)
	server := peer.StartIcecast(t, peer.IcecastOptions{Password: "sesame"})
	front := peer.StartTLSFront(t, ca, server.Addr(), peer.CertOptions{})
	trusted := func(addr string) output.Target {
		tg := target(t, "icecast+https://:sesame@"+addr+"/live", map[string]string{"title": "secure"})
		tg.TLS = &tls.Config{RootCAs: ca.Pool, MinVersion: tls.VersionTLS12}
		return tg
	}
	conn, err := dial(t, trusted(front.Addr()), media.AAC)
	require.NoError(t, err)
	wait := send(t, conn, song(t, media.AAC))
	require.Eventually(t, func() bool {
		all, err := server.Sources(t.Context())
		return err == nil && len(all) == 1 && all[0].Title == "secure"
	}, 10*time.Second, 50*time.Millisecond)
	_, err = peer.Decode(t.Context(), server.URL("/live"), time.Second)
	require.NoError(t, err)
	wait()
	untrusting := trusted(front.Addr())
	untrusting.TLS = nil
	refused(t, untrusting, output.CauseTLS, "not signed by an authority")
	plain := peer.StartBadPeer(t, peer.Answer([]byte("HTTP/1.0 400 Bad Request\r\n\r\n")))
	refused(t, trusted(plain.Addr()), output.CauseTLS, "does not speak TLS")
	for words, o := range map[string]peer.CertOptions{
		"out of its dates": {NotAfter: time.Now().Add(-time.Hour)},
		"not for the name": {Hosts: []string{"radio.example"}},
	} {
		refused(t, trusted(peer.StartTLSFront(t, ca, server.Addr(), o).Addr()), output.CauseTLS, words)
	}
}
