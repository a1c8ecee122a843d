package rtmp

import (
	"errors"
	"strings"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/message"

	"github.com/encoderbox/encoderbox/output"
)

// Enhanced RTMP v2, "Enhancing NetConnection connect Command".
const (
	canEncode     = 2.0 // FourCcInfoMask
	capsReconnect = 1   // CapsExMask
)

// opening is how to connect, besides what the address says.
type opening struct {
	auth    string // what authentication adds to the application
	classic bool   // without what Enhanced RTMP adds
}

// errAtConnect: the server hung up without a word instead of answering connect.
// Servers whose AMF decoder is incomplete do: gomedia's panics at an array.
var errAtConnect = errors.New("no answer to connect")

// publish does the protocol's opening up to the accepted publication and
// returns the id of its message stream. A *challenge is the server's wish for
// authentication.
func (l *link) publish(agent string, o opening) (stream uint32, err error) {
	if _, _, err := handshake.DoClient(l.rw, false, false); err != nil {
		return 0, foreign(l.addr, err)
	}
	l.acks.ask(ackWindow)
	err = l.sendAll(
		&message.SetWindowAckSize{Value: ackWindow},
		&message.SetChunkSize{Value: chunkSize},
		l.command(commandChunks, 0, "connect", 1, l.connectObject(agent, o)))
	if err != nil {
		return 0, l.gone(connecting, err)
	}
	answer, err := l.result(1, connecting)
	if err != nil {
		return 0, err
	}
	l.offered(answer)
	err = l.sendAll(
		l.command(commandChunks, 0, "releaseStream", 2, nil, l.addr.key),
		l.command(commandChunks, 0, "FCPublish", 3, nil, l.addr.key),
		l.command(commandChunks, 0, "createStream", 4, nil))
	if err != nil {
		return 0, l.gone(creating, err)
	}
	args, err := l.result(4, creating)
	if err != nil {
		return 0, err
	}
	if stream, err = l.created(args); err != nil {
		return 0, err
	}
	if err = l.send(l.command(publishChunks, stream, "publish", 5, nil, l.addr.key, "live")); err != nil {
		return 0, l.gone(publishing, err)
	}
	return stream, l.published()
}

// connectObject is the command object of connect (RTMP 1.0 §7.2.1.1). What
// Enhanced RTMP adds stands last, for servers whose AMF decoder stops at it.
func (l *link) connectObject(agent string, o opening) amf0.Object {
	app, tcURL := l.addr.authenticated(o.auth)
	classic := amf0.Object{
		{Key: "app", Value: app},
		{Key: "type", Value: "nonprivate"},
		{Key: "flashVer", Value: "FMLE/3.0 (compatible; " + strings.ReplaceAll(agent, " ", "/") + ")"},
		{Key: "tcUrl", Value: tcURL},
	}
	if o.classic {
		return classic
	}
	return append(classic, amf0.Object{
		{Key: "capsEx", Value: float64(capsReconnect)},
		{Key: "fourCcList", Value: amf0.StrictArray{"avc1", "mp4a"}},
		{Key: "videoFourCcInfoMap", Value: amf0.Object{{Key: "avc1", Value: canEncode}}},
		{Key: "audioFourCcInfoMap", Value: amf0.Object{{Key: "mp4a", Value: canEncode}}},
	}...)
}

// offered reads what the server says of Enhanced RTMP. Nothing depends on it:
// see the package comment.
func (l *link) offered(answer amf0.Data) {
	caps, isEnhanced := find(answer, "capsEx").(float64)
	_, hasList := find(answer, "fourCcList").(amf0.StrictArray)
	_, hasMap := object(find(answer, "videoFourCcInfoMap"))
	if l.log != nil && (isEnhanced || hasList || hasMap) {
		l.log.Debug("server speaks Enhanced RTMP", "server", l.addr.dial,
			"reconnect", caps >= 0 && caps < 1<<32 && uint32(caps)&capsReconnect != 0)
	}
}

// created is the id in the answer to createStream.
func (l *link) created(args amf0.Data) (uint32, error) {
	if len(args) > 1 {
		if number, ok := args[1].(float64); ok && number >= 0 && number < 1<<31 {
			return uint32(number), nil
		}
	}
	return 0, told{output.WithCause(output.CauseRejected, errNoStream)}
}

func (l *link) sendAll(ms ...message.Message) error {
	for _, m := range ms {
		if err := l.send(m); err != nil {
			return err
		}
	}
	return nil
}

// result waits for the answer to a command.
func (l *link) result(id int, at stage) (amf0.Data, error) {
	for {
		name, gotID, args, err := l.receive()
		switch {
		case err != nil:
			return nil, l.gone(at, err)
		case isStatus(name) && field(args, "code") == reconnectRequest:
			return nil, l.reconnect(args)
		case isStatus(name) && level(args) == "error":
			return nil, l.refusal(at, args)
		case gotID != id:
			continue
		case name == "_result":
			return args, nil
		case name == "_error":
			return nil, l.refusal(at, args)
		}
	}
}

// publishStart is the code of an accepted publication.
const publishStart = "NetStream.Publish.Start"

// published waits for the answer to publish, which comes with any id.
func (l *link) published() error {
	for {
		name, id, args, err := l.receive()
		code := field(args, "code")
		switch {
		case err != nil:
			return l.gone(publishing, err)
		case isStatus(name) && code == reconnectRequest:
			return l.reconnect(args)
		case name == "_error" && id == 5, isStatus(name) && level(args) == "error":
			return l.refusal(publishing, args)
		case name == "onStatus" && code == publishStart:
			l.accepted()
			return nil
		case name == "onStatus" && strings.HasPrefix(code, "NetStream."):
			return l.refusal(publishing, args)
		}
	}
}

// isStatus tells the commands by which servers report: onStatus, and those of
// the Flash Media Encoder's FCPublish.
func isStatus(name string) bool {
	return name == "onStatus" || name == "onFCPublish" || name == "onFCUnpublish"
}
