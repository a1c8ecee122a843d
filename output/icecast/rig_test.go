package icecast

import (
	"context"
	"log/slog"
	"math"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/encode/audio"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// songs are five seconds of a tone in every codec, made once.
var songs = sync.OnceValues(func() (map[media.Codec][]media.Packet, error) {
	all := map[media.Codec][]media.Packet{}
	f := media.AudioFormat{SampleRate: 44100, Channels: 2}
	for _, c := range []media.Codec{media.AAC, media.MP3, media.Opus} {
		e, err := audio.New(audio.Settings{Codec: c, Format: f, Bitrate: 128_000})
		if err != nil {
			return nil, err
		}
		done := make(chan error, 1)
		go func() {
			done <- e.Run(context.Background(), media.WriterFunc(func(p media.Packet) { all[c] = append(all[c], p) }))
		}()
		for second := range 5 {
			for e.Stats().Packets < uint64(max(0, second-1)*30) {
				time.Sleep(time.Millisecond)
			}
			pcm := make([]int16, 2*f.SampleRate)
			for i := range pcm {
				pcm[i] = int16(9000 * math.Sin(2*math.Pi*440*float64(i/2)/float64(f.SampleRate)))
			}
			e.Put(media.Samples{Format: f, PTS: time.Minute + time.Duration(second)*time.Second, Data: pcm})
		}
		e.Close()
		if err := <-done; err != nil {
			return nil, err
		}
	}
	return all, nil
})

func song(t *testing.T, c media.Codec) []media.Packet {
	t.Helper()
	all, err := songs()
	require.NoError(t, err)
	require.Greater(t, len(all[c]), 150)
	return all[c]
}

func target(t *testing.T, raw string, options map[string]string) output.Target {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	tg := output.Target{
		Name: "radio", URL: u, Options: options, WriteTimeout: 2 * time.Second,
		Agent: "encoderbox 0.0", Log: slog.New(slog.DiscardHandler),
	}
	return tg
}

func dial(t *testing.T, tg output.Target, c media.Codec) (output.Conn, error) {
	t.Helper()
	tracks := []*media.Track{song(t, c)[0].Track}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	conn, err := Dial(ctx, tg, tracks)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, err
}

// refused dials and requires an error of a cause with these words.
func refused(t *testing.T, tg output.Target, cause output.Cause, words ...string) error {
	t.Helper()
	_, err := dial(t, tg, Takes(tg)[0])
	requireCause(t, err, cause, words...)
	return err
}

func requireCause(t *testing.T, err error, cause output.Cause, words ...string) {
	t.Helper()
	require.Error(t, err)
	for _, w := range words {
		require.ErrorContains(t, err, w)
	}
	require.Equal(t, cause, output.CauseOf(err), err)
	require.NotContains(t, err.Error(), "sesame")
	require.Less(t, len(err.Error()), 500)
}
