package whip

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/encoderbox/encoderbox/output"
)

const (
	restartLimit = 10 * time.Second // for a restart of ICE, all told
	patchPause   = 500 * time.Millisecond
)

// watch looks after the way that media take: when it is lost, it asks for
// another one once, and ends the connection where there is none.
func (c *conn) watch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.peer.states:
		}
		switch c.peer.ConnectionState() {
		case webrtc.PeerConnectionStateClosed:
			c.fail(output.WithCause(output.CauseClosed, fmt.Errorf("%s ended the connection", c.signal.host)))
			return
		case webrtc.PeerConnectionStateFailed:
			if !c.noWay() {
				c.fail(output.WithCause(output.CauseClosed, fmt.Errorf("%s broke the encrypted connection (DTLS)", c.signal.host)))
				return
			}
			c.down.Store(true)
			c.target.Log.Warn("the way for media is lost: ICE is restarted", "destination", c.target.Name, "host", c.signal.host)
			if err := c.restart(ctx); err != nil {
				c.fail(err)
				return
			}
			c.down.Store(false)
			c.askKey(time.Now())
		}
	}
}

// restart makes a new way (RFC 9725 §4.3.3, RFC 8445 §2.4): new credentials and
// candidates by PATCH. DTLS and SRTP go on as they are.
func (c *conn) restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, restartLimit)
	defer cancel()
	err := c.negotiate(ctx)
	if err == nil {
		err = c.again(ctx)
	}
	if err == nil || output.CauseOf(err) == output.CauseClosed {
		return err
	}
	return output.WithCause(output.CauseNetwork, fmt.Errorf("nothing was heard of %s for %v, and no other way was found: %w", c.signal.host, iceDisconnected+iceFailed, err))
}

func (c *conn) negotiate(ctx context.Context) error {
	if c.signal.resource == nil {
		return errors.New("the endpoint names no address for a restart of ICE")
	}
	offer, err := c.peer.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		return fmt.Errorf("make an offer: %w", err)
	}
	local, err := c.peer.gather(ctx, offer)
	if err != nil {
		return err
	}
	ours, err := fragment(local)
	if err != nil {
		return fmt.Errorf("make the fragment: %w", err)
	}
	theirs, err := c.patch(ctx, ours)
	if err != nil {
		return err
	}
	answer, err := restarted(c.answer, theirs)
	if err != nil {
		return unusable(c.signal.host, "to the restart of ICE cannot be used", err)
	}
	if err := c.peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return unusable(c.signal.host, "to the restart of ICE cannot be used", err)
	}
	return nil
}

// patch asks until the endpoint answers: the network that media have lost may
// be signalling's too.
func (c *conn) patch(ctx context.Context, ours string) (string, error) {
	for {
		theirs, err := c.signal.patch(ctx, ours)
		var answer *output.AnswerError
		switch {
		case err == nil, errors.Is(err, output.ErrRejected):
			if errors.As(err, &answer) && (answer.Status == 404 || answer.Status == 410) {
				return "", output.WithCause(output.CauseClosed, fmt.Errorf("%s has ended the publication: %w", c.signal.host, err))
			}
			return theirs, err
		case errors.As(err, &answer):
			return "", err
		}
		pause := time.NewTimer(patchPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return "", err // what the last attempt met says more than that time is over
		}
	}
}

// again waits until media can flow again.
func (c *conn) again(ctx context.Context) error {
	for {
		switch c.peer.ConnectionState() {
		case webrtc.PeerConnectionStateConnected:
			return nil
		case webrtc.PeerConnectionStateClosed:
			return output.WithCause(output.CauseClosed, fmt.Errorf("%s ended the connection", c.signal.host))
		}
		select {
		case <-c.peer.states:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
