package rtmp

import (
	"net"
	"testing"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/message"
)

// scripted is the server's end of a connection in a scripted conversation.
type scripted struct {
	net.Conn
	rw *message.ReadWriter
}

// script runs a server that holds the conversation with each client, and
// returns its host:port.
func script(t *testing.T, talk func(*scripted)) string {
	t.Helper()
	return serve(t, func(c net.Conn) {
		if s, ok := converse(c); ok {
			talk(s)
		}
	})
}

func converse(c net.Conn) (*scripted, bool) {
	counted := bytecounter.NewReadWriter(c)
	if _, _, err := handshake.DoServer(counted, false); err != nil {
		return nil, false
	}
	return &scripted{c, message.NewReadWriter(counted, counted, false)}, true
}

// await reads up to a command; nil at the end of the connection.
func (s *scripted) await(name string) *message.CommandAMF0 {
	for {
		m, err := s.rw.Read()
		if err != nil {
			return nil
		}
		if c, ok := m.(*message.CommandAMF0); ok && c.Name == name {
			return c
		}
	}
}

// say sends a command with arguments behind the null of the command object.
func (s *scripted) say(name string, id int, args ...any) {
	_ = s.rw.Write(&message.CommandAMF0{ChunkStreamID: 3, Name: name, CommandID: id, Arguments: append([]any{nil}, args...)})
}

func info(level, code, description string, more ...amf0.ObjectEntry) amf0.Object {
	return append(amf0.Object{
		{Key: "level", Value: level}, {Key: "code", Value: code}, {Key: "description", Value: description},
	}, more...)
}

// connected answers connect, and returns its command object.
func (s *scripted) connected(more ...amf0.ObjectEntry) amf0.Object {
	c := s.await("connect")
	if c == nil {
		return nil
	}
	s.say("_result", c.CommandID, info("status", "NetConnection.Connect.Success", "", more...))
	o, _ := c.Arguments[0].(amf0.Object)
	return o
}

// published answers everything up to publish.
func (s *scripted) published() bool {
	if s.connected() == nil {
		return false
	}
	return s.created() && s.accepted()
}

func (s *scripted) created() bool {
	c := s.await("createStream")
	if c != nil {
		s.say("_result", c.CommandID, 1.0)
	}
	return c != nil
}

func (s *scripted) accepted() bool {
	c := s.await("publish")
	if c != nil {
		s.say("onStatus", 0, info("status", "NetStream.Publish.Start", "go"))
	}
	return c != nil
}

// drain reads to the end of the connection.
func (s *scripted) drain() {
	for {
		if _, err := s.rw.Read(); err != nil {
			return
		}
	}
}
