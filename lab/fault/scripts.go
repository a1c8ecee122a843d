package fault

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/message"
)

// AfterHead reads an HTTP request up to the end of its header and goes on as then.
func AfterHead(then Manner) Manner { return afterLines("\r\n", then) }

// AfterLine reads one line and goes on as then.
func AfterLine(then Manner) Manner { return afterLines("", then) }

// afterLines reads up to a line; "" is any.
func afterLines(last string, then Manner) Manner {
	return func(ctx context.Context, c net.Conn) {
		in := bufio.NewReader(c)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if last == "" || line == last {
				then(ctx, c)
				return
			}
		}
	}
}

// HTTP is an answer as a server says it; extra are further lines of its header.
func HTTP(status int, body string, extra ...string) string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n%s",
		status, http.StatusText(status), len(body), lines(extra), body)
}

func lines(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, "\r\n") + "\r\n"
}

// Answer answers each connection's first HTTP request, and takes what else comes.
func Answer(answer string) Manner { return AfterHead(Say(answer, NeverAnswer)) }

// RTSP says yes up to the request named step, and there goes on as then says it, which
// is given the request's CSeq.
func RTSP(step string, then func(cseq string) Manner) Manner {
	return func(ctx context.Context, c net.Conn) {
		in := bufio.NewReader(c)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			head, err := textproto.NewReader(in).ReadMIMEHeader()
			if err != nil {
				return
			}
			n, _ := strconv.ParseInt(head.Get("Content-Length"), 10, 64)
			_, _ = io.CopyN(io.Discard, in, n)
			if method, _, _ := strings.Cut(line, " "); method == step {
				then(head.Get("CSeq"))(ctx, c)
				return
			}
			if _, err := io.WriteString(c, RTSPAnswer("200 OK", head.Get("CSeq"))); err != nil {
				return
			}
		}
	}
}

// RTSPAnswer is an answer as a server says it.
func RTSPAnswer(status, cseq string, extra ...string) string {
	return fmt.Sprintf("RTSP/1.0 %s\r\nCSeq: %s\r\n%s\r\n", status, cseq, lines(extra))
}

// RTMP says yes up to the command named step. There it goes on as then, behind the
// answer named answer with the entries of info ("" says nothing).
func RTMP(step, answer string, info amf0.Object, then Manner) Manner {
	return func(ctx context.Context, c net.Conn) {
		counted := bytecounter.NewReadWriter(c)
		if _, _, err := handshake.DoServer(counted, false); err != nil {
			return
		}
		rw := message.NewReadWriter(counted, counted, false)
		for {
			m, err := rw.Read()
			if err != nil {
				return
			}
			cmd, ok := m.(*message.CommandAMF0)
			if !ok {
				continue
			}
			if cmd.Name == step {
				if answer != "" && rw.Write(command(answer, cmd.CommandID, info)) != nil {
					return
				}
				then(ctx, c)
				return
			}
			switch cmd.Name {
			case "connect":
				err = rw.Write(command("_result", cmd.CommandID, Info("status", "NetConnection.Connect.Success", "")))
			case "createStream":
				err = rw.Write(command("_result", cmd.CommandID, 1.0))
			}
			if err != nil {
				return
			}
		}
	}
}

func command(name string, id int, argument any) *message.CommandAMF0 {
	return &message.CommandAMF0{ChunkStreamID: 3, Name: name, CommandID: id, Arguments: []any{nil, argument}}
}

// Info is the information object of an RTMP answer.
func Info(level, code, description string, more ...amf0.ObjectEntry) amf0.Object {
	return append(amf0.Object{
		{Key: "level", Value: level}, {Key: "code", Value: code}, {Key: "description", Value: description},
	}, more...)
}

// HugeMessage is the beginning of an RTMP command of 16 MB, the most that there can be.
const HugeMessage = "\x03\x00\x00\x00\xff\xff\xff\x14\x00\x00\x00\x00" + "\x02\x00\x07_result"
