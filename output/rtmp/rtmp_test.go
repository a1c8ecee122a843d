package rtmp

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/yapingcat/gomedia/go-codec"
	gomedia "github.com/yapingcat/gomedia/go-rtmp"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// log renders what a server received, one line a message.
func log(ms []message.Message) (out []string) {
	for _, m := range ms {
		switch m := m.(type) {
		case *message.Video:
			s := fmt.Sprintf("video %v+%v", m.DTS.Milliseconds(), int32(m.PTSDelta.Milliseconds()<<8)>>8)
			if m.Type == message.VideoTypeConfig {
				s += fmt.Sprintf(" config %x", m.AVCConfig.PictureParameterSets[0].NALUnit)
			} else {
				s += fmt.Sprintf(" key=%v %d bytes", m.IsKeyFrame, len(m.AU))
			}
			out = append(out, s)
		case *message.Audio:
			s := fmt.Sprintf("audio %v", m.DTS.Milliseconds())
			if m.AACType == message.AudioAACTypeConfig {
				s += fmt.Sprintf(" config rate %d", m.AACConfig.SampleRate)
			} else {
				s += fmt.Sprintf(" %d bytes", len(m.AU))
			}
			out = append(out, s)
		case *message.CommandAMF0:
			out = append(out, fmt.Sprint(m.Name, m.Arguments))
		}
	}
	return out
}

func TestPublicationArrivesWhole(t *testing.T) {
	addr, done := server(t)
	c := mustDial(t, target(t, "rtmp://"+addr+"/live/"+secretKey+"?sign=1"))
	big := picture(5033, 5033, true, 200_000, sps, pps2)
	mustWrite(t, c,
		picture(5000, 5000, true, 100),
		sound(4990, 10), // from before the first picture
		sound(5010, 20),
		media.Packet{Track: video, DTS: ms(5016), PTS: ms(5083), Data: picture(0, 1, false, 50).Data},
		big,
		sound(5031, 30),
		picture(5066, 5066, true, 60),
	)
	sent := c.Stats().BytesSent
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	got := <-done
	if want := "rtmp://" + addr + "/live/" + secretKey + "?sign=1"; got.tcURL != want {
		t.Errorf("published as %s, want %s", got.tcURL, want)
	}
	meta, ok := got.messages[0].(*message.DataAMF0)
	if !ok || meta.Payload[0] != "@setDataFrame" || meta.Payload[1] != "onMetaData" {
		t.Fatalf("first message: %+v, want onMetaData", got.messages[0])
	}
	info := amf0.Object(meta.Payload[2].(amf0.ECMAArray))
	for key, want := range map[string]any{
		"width": 1920.0, "height": 1080.0, "framerate": 30.0, "videocodecid": 7.0, "audiocodecid": 10.0,
		"audiosamplerate": 48000.0, "stereo": true, "encoder": "encoderbox 0.0",
	} {
		if v, _ := info.Get(key); v != want {
			t.Errorf("onMetaData %s = %v, want %v", key, v, want)
		}
	}
	want := []string{
		"video 0+0 config 68ce3c80",
		"audio 0 config rate 48000",
		"video 0+0 key=true 104 bytes",
		"audio 10 20 bytes",
		"video 16+67 key=false 54 bytes",
		"video 33+0 config 68ce3880", // the picture brings another PPS
		fmt.Sprintf("video 33+0 key=true %d bytes", len(big.Data)),
		"audio 31 30 bytes",
		"video 66+0 config 68ce3c80", // and the next goes back to the track's
		"video 66+0 key=true 64 bytes",
		"FCUnpublish[<nil> " + secretKey + "?sign=1]",
		"deleteStream[<nil> 1]",
	}
	if l := log(got.messages); !slices.Equal(l, want) {
		t.Errorf("server received\n%s\nwant\n%s", strings.Join(l, "\n"), strings.Join(want, "\n"))
	}
	for _, m := range got.messages {
		if v, ok := m.(*message.Video); ok && len(v.AU) == len(big.Data) && !bytes.Equal(v.AU, big.Data) {
			t.Error("a picture of several chunks arrived changed")
		}
	}
	if sent < 200_000 {
		t.Errorf("BytesSent %d, want more than the big picture", sent)
	}
}

func TestFragmentNamesTheKey(t *testing.T) {
	addr, done := server(t)
	c := mustDial(t, target(t, "rtmp://"+addr+"/app/instance#room/key"), audio)
	mustWrite(t, c, sound(0, 9))
	c.Close()
	if got := <-done; got.tcURL != "rtmp://"+addr+"/app/instance/room/key" {
		t.Errorf("published as %s", got.tcURL)
	}
}

// gomedia's server is an independent reader of handshake, chunks and FLV tags.
func TestGomediaServerDecodesThePublication(t *testing.T) {
	type frame struct {
		codec    codec.CodecID
		pts, dts uint32
		size     int
	}
	var app, stream string
	frames := make(chan frame, 16)
	addr := serve(t, func(c net.Conn) {
		// Its AMF decoder panics at the array in an Enhanced RTMP connect: what
		// kills this server takes a connection alone here, and the next one comes
		// without.
		defer func() {
			if recover() == nil {
				close(frames)
			}
		}()
		h := gomedia.NewRtmpServerHandle()
		h.SetOutput(func(b []byte) error { _, err := c.Write(b); return err })
		h.OnPublish(func(a, s string) gomedia.StatusCode {
			app, stream = a, s
			return gomedia.NETSTREAM_PUBLISH_START
		})
		h.OnFrame(func(id codec.CodecID, pts, dts uint32, b []byte) { frames <- frame{id, pts, dts, len(b)} })
		buf := make([]byte, 60000)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			if err := h.Input(buf[:n]); err != nil {
				t.Error(err)
				return
			}
		}
	})
	c := mustDial(t, target(t, "rtmp://"+addr+"/live/"+secretKey))
	mustWrite(t, c, picture(100, 100, true, 150_000), sound(121, 40), picture(200, 133, false, 500))
	c.Close()
	var got []frame
	for f := range frames {
		got = append(got, f)
	}
	want := []frame{
		{codec.CODECID_VIDEO_H264, 0, 0, 150_000 + 4 + len(sps) + len(pps) + 8}, // start codes and sets before the IDR
		{codec.CODECID_AUDIO_AAC, 21, 21, 47},                                   // ADTS header
		{codec.CODECID_VIDEO_H264, 100, 33, 504},
	}
	if app != "live" || stream != secretKey {
		t.Errorf("app %q, stream %q", app, stream)
	}
	if !slices.Equal(got, want) {
		t.Errorf("frames %+v, want %+v", got, want)
	}
}

// small is a track of another size.
func small() *media.Track {
	params := *video.Video
	params.Width, params.Height, params.PPS = 960, 540, pps2
	return &media.Track{Codec: media.H264, Video: &params}
}

// Another size goes on in the connection; metadata and configuration come before its
// first picture, at its time.
func TestPicturesOfAnotherSize(t *testing.T) {
	addr, done := server(t)
	c := mustDial(t, target(t, "rtmp://"+addr+"/live/key"))
	other := small()
	of := func(p media.Packet) media.Packet { p.Track = other; return p }
	mustWrite(t, c,
		picture(0, 0, true, 100), sound(21, 10),
		of(picture(33, 33, true, 70_000)), sound(42, 10), of(picture(66, 66, false, 50)),
		picture(100, 100, true, 60),
	)
	c.Close()
	got := <-done
	var sizes []any
	for i, m := range got.messages {
		meta, ok := m.(*message.DataAMF0)
		if !ok {
			continue
		}
		width, _ := amf0.Object(meta.Payload[2].(amf0.ECMAArray)).Get("width")
		if sizes = append(sizes, width); meta.Payload[1] != "onMetaData" {
			t.Errorf("message %d: %+v", i, meta.Payload)
		}
		if v, ok := got.messages[i+1].(*message.Video); !ok || v.Type != message.VideoTypeConfig {
			t.Errorf("after metadata comes %+v", got.messages[i+1])
		}
	}
	if want := []any{1920.0, 960.0, 1920.0}; !slices.Equal(sizes, want) {
		t.Errorf("widths in metadata: %v, want %v", sizes, want)
	}
	want := []string{
		"video 0+0 config 68ce3c80", "audio 0 config rate 48000", "video 0+0 key=true 104 bytes", "audio 21 10 bytes",
		"video 33+0 config 68ce3880", "video 33+0 key=true 70004 bytes", "audio 42 10 bytes", "video 66+0 key=false 54 bytes",
		"video 100+0 config 68ce3c80", "video 100+0 key=true 64 bytes",
	}
	if l := log(got.messages); !slices.Equal(l[:min(len(want), len(l))], want) {
		t.Errorf("server received\n%s\nwant\n%s", strings.Join(l, "\n"), strings.Join(want, "\n"))
	}
}

func TestTracksThatNeedANewConnection(t *testing.T) {
	addr, _ := server(t)
	c := mustDial(t, target(t, "rtmp://"+addr+"/live/key"))
	mustWrite(t, c, picture(0, 0, true, 10))
	late, otherSound := picture(33, 33, false, 10), sound(21, 10)
	late.Track = small()
	params := *audio.Audio
	otherSound.Track = &media.Track{Codec: media.AAC, Audio: &params}
	for name, p := range map[string]media.Packet{"no key picture": late, "sound": otherSound} {
		if err := c.Write(p); !errors.Is(err, output.ErrTrackChanged) {
			t.Errorf("%s: got %v, want ErrTrackChanged", name, err)
		}
	}
	mustWrite(t, c, picture(66, 66, false, 10)) // the old track still goes on
}

// The server's pings are answered while media is written: two goroutines use
// the connection, which the race detector watches.
func TestPingsAreAnsweredBetweenPictures(t *testing.T) {
	const pings = 50
	answered := make(chan int, 1)
	addr := serve(t, func(c net.Conn) {
		sc := &gortmplib.ServerConn{RW: c}
		if sc.Initialize() != nil || sc.Accept() != nil {
			answered <- -1
			return
		}
		// One goroutine: this server's reader acknowledges through its writer.
		n := 0
		for n < pings {
			if sc.Write(&message.UserControlPingRequest{ServerTime: uint32(n)}) != nil {
				break
			}
			if !awaitPong(sc) {
				break
			}
			n++
		}
		answered <- n
		io.Copy(io.Discard, c)
	})
	c := mustDial(t, target(t, "rtmp://"+addr+"/live/key"))
	for i := 0; ; i++ {
		select {
		case n := <-answered:
			if n != pings {
				t.Errorf("%d of %d pings answered", n, pings)
			}
			return
		default:
			mustWrite(t, c, picture(i, i, i == 0, 3000))
		}
	}
}

// awaitPong reads up to the answer to a ping.
func awaitPong(sc *gortmplib.ServerConn) bool {
	for {
		m, err := sc.Read()
		if err != nil {
			return false
		}
		if _, ok := m.(*message.UserControlPingResponse); ok {
			return true
		}
	}
}

func TestPublishesOverTLS(t *testing.T) {
	cert, pool := certificate(t, "127.0.0.1")
	out := make(chan publication, 1)
	addr := serve(t, func(c net.Conn) {
		out <- receive(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}}))
	})
	tg := target(t, "rtmps://"+addr+"/live/"+secretKey)
	tg.TLS = &tls.Config{RootCAs: pool}
	c := mustDial(t, tg)
	big := picture(0, 0, true, 200_000)
	mustWrite(t, c, big, sound(5, 10))
	c.Close()
	got := <-out
	l := log(got.messages)
	if want := fmt.Sprintf("video 0+0 key=true %d bytes", len(big.Data)); !slices.Contains(l, want) || l[len(l)-1] != "deleteStream[<nil> 1]" {
		t.Errorf("server received\n%s\n(%v)", strings.Join(l, "\n"), got.err)
	}
}

// A Close from another goroutine ends a Write that a peer holds up.
func TestCloseEndsABlockedWrite(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	addr := serve(t, func(c net.Conn) { acceptThenStop(c, release) })
	tg := target(t, "rtmp://"+addr+"/live/key")
	tg.WriteTimeout = time.Hour
	c := mustDial(t, tg)
	result := make(chan error, 1)
	go func() {
		var err error
		for i := 0; err == nil; i++ {
			err = c.Write(picture(i, i, true, 1<<20))
		}
		result <- err
	}()
	for sent := uint64(0); ; {
		n := c.Stats().BytesSent
		if n > 0 && n == sent {
			break
		}
		sent = n
		time.Sleep(50 * time.Millisecond) // until the socket buffers are full
	}
	c.Close()
	if err := <-result; err == nil {
		t.Error("Write returned without an error")
	}
}

// acceptThenStop publishes a client and reads nothing from then on.
func acceptThenStop(c net.Conn, release <-chan struct{}) {
	sc := &gortmplib.ServerConn{RW: c}
	if sc.Initialize() == nil && sc.Accept() == nil {
		<-release
	}
}
