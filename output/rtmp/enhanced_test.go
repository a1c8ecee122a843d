package rtmp

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/message"

	"github.com/encoderbox/encoderbox/output"
)

// What connect says of Enhanced RTMP, and that H.264 and AAC stay in the classic
// tags whatever the server offers.
func TestEnhancedRTMPIsOfferedAndTagsStayClassic(t *testing.T) {
	said := make(chan amf0.Object, 1)
	tags := make(chan message.Message, 16)
	addr := script(t, func(s *scripted) {
		defer close(tags)
		o := s.connected(
			amf0.ObjectEntry{Key: "capsEx", Value: 15.0},
			amf0.ObjectEntry{Key: "fourCcList", Value: amf0.StrictArray{"*"}},
			amf0.ObjectEntry{Key: "videoFourCcInfoMap", Value: amf0.Object{{Key: "*", Value: 7.0}}})
		said <- o
		if o == nil || !s.created() || !s.accepted() {
			return
		}
		for {
			m, err := s.rw.Read()
			if err != nil {
				return
			}
			switch m.(type) {
			case *message.CommandAMF0, *message.DataAMF0, *message.SetChunkSize, *message.SetWindowAckSize:
			default:
				tags <- m
			}
		}
	})
	var logged bytes.Buffer
	tg := target(t, "rtmp://"+addr+"/live/key")
	tg.Log = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := mustDial(t, tg)
	mustWrite(t, c, picture(0, 0, true, 10), sound(3, 10))
	c.Close()
	o := <-said
	for key, want := range map[string]string{
		"capsEx": "1", "fourCcList": "[avc1 mp4a]", "videoFourCcInfoMap": "[{avc1 2}]", "audioFourCcInfoMap": "[{mp4a 2}]",
	} {
		if v, _ := o.Get(key); fmt.Sprint(v) != want {
			t.Errorf("%s = %v, want %s", key, v, want)
		}
	}
	n := 0
	for m := range tags {
		switch m.(type) {
		case *message.Video, *message.Audio:
			n++
		default:
			t.Errorf("sent %T", m)
		}
	}
	if n != 4 {
		t.Errorf("%d tags, want two configurations, a picture and a sound", n)
	}
	if s := logged.String(); !strings.Contains(s, "server speaks Enhanced RTMP") || !strings.Contains(s, "reconnect=true") {
		t.Errorf("log: %s", s)
	}
}

// A server that hangs up at a connect it cannot read gets a plain one.
func TestAServerThatHangsUpAtConnectIsAskedTheOldWay(t *testing.T) {
	kinds := make(chan bool, 4)
	addr := script(t, func(s *scripted) {
		c := s.await("connect")
		if c == nil {
			return
		}
		o, _ := object(c.Arguments[0])
		_, enhanced := o.Get("fourCcList")
		if kinds <- enhanced; enhanced {
			return
		}
		s.say("_result", c.CommandID, info("status", "NetConnection.Connect.Success", ""))
		_ = s.created() && s.accepted()
		s.drain()
	})
	mustDial(t, target(t, "rtmp://"+addr+"/live/key"))
	if first, second := <-kinds, <-kinds; !first || second {
		t.Errorf("enhanced: first %v, then %v", first, second)
	}
}

// ended is how a server ends a running publication, and what becomes of it.
func TestReasonsBeforeTheEnd(t *testing.T) {
	for _, tc := range []struct {
		name  string
		end   func(*scripted)
		cause output.Cause
		want  string
	}{
		{"a status, then closed", func(s *scripted) {
			s.say("onStatus", 0, info("status", "NetConnection.Connect.Closed", "maintenance at noon"))
		}, output.CauseClosed, "(NetConnection.Connect.Closed maintenance at noon)"},
		{"a warning, then reset", func(s *scripted) {
			s.say("onStatus", 0, info("warning", "NetStream.Quota", "soon over"))
			_ = s.Conn.(*net.TCPConn).SetLinger(0)
		}, output.CauseClosed, "(NetStream.Quota soon over)"},
		{"shut down", func(s *scripted) {
			s.say("onStatus", 0, info("error", "NetConnection.Connect.AppShutdown", "bye"))
			s.drain()
		}, output.CauseClosed, "ended the running publication (NetConnection.Connect.AppShutdown bye)"},
		{"unpublished", func(s *scripted) {
			s.say("onStatus", 0, info("status", "NetStream.Unpublish.Success", "thrown out"))
			s.drain()
		}, output.CauseClosed, "(NetStream.Unpublish.Success thrown out)"},
		{"close command", func(s *scripted) { s.say("close", 0) }, output.CauseClosed, "closed the connection (close)"},
		{"a token that has run out", func(s *scripted) {
			s.say("onStatus", 0, info("error", "NetStream.Failed", "token expired"))
			s.drain()
		}, output.CauseAuth, "refused the running publication (NetStream.Failed token expired)"},
		{"no word, but what Wowza says of FCPublish", func(s *scripted) {
			s.say("onFCPublish", 0, info("status", publishStart, "FCPublish to stream"))
		}, output.CauseClosed, "without a word right after it had accepted the stream"},
		{"no word", func(*scripted) {}, output.CauseClosed, "without a word right after it had accepted the stream"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			addr := script(t, func(s *scripted) {
				if s.published() {
					tc.end(s)
				}
			})
			err := dialThenWrite(t, target(t, "rtmp://"+addr+"/live/"+secretKey))
			if output.CauseOf(err) != tc.cause || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("cause %q, want %q; error %v, want %q", output.CauseOf(err), tc.cause, err, tc.want)
			}
		})
	}
}

// What servers say to a publish they refuse.
func TestRefusedPublications(t *testing.T) {
	for _, tc := range []struct {
		level, code, description string
		cause                    output.Cause
		hint                     string
	}{
		{"error", "NetStream.Publish.BadName", "Already publishing", output.CauseRejected, "is another encoder publishing under this key?"},
		{"error", "NetStream.Publish.BadName", "", output.CauseRejected, "or is the key wrong?"},
		{"error", "NetStream.Publish.BadName", "Invalid stream key " + secretKey, output.CauseAuth, "is the stream key right"},
		{"error", "NetStream.Publish.Unauthorized", "Authorization required.", output.CauseAuth, "is the stream key right"},
		{"status", "NetStream.Publish.Denied", "quota used up", output.CauseRejected, "quota used up"},
		{"error", "NetStream.Publish.Rejected", "too many\r\n\x07streams", output.CauseRejected, "too many streams"},
		{"error", "", "", output.CauseRejected, "no reason given"},
	} {
		t.Run(tc.code+" "+tc.description, func(t *testing.T) {
			addr := script(t, func(s *scripted) {
				if s.connected() != nil && s.created() && s.await("publish") != nil {
					s.say("onStatus", 0, info(tc.level, tc.code, tc.description))
				}
			})
			checkCause(t, target(t, "rtmp://"+addr+"/live/"+secretKey), tc.cause, tc.hint)
		})
	}
}
