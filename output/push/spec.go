package push

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/hub"
)

// Spec is what a Destination shall do. The zero values of the times and bounds
// mean the defaults.
type Spec struct {
	Enabled bool
	Kind    output.Kind
	Target  output.Target // Target.WriteTimeout zero means DefaultWriteTimeout

	// RetryDelay bounds the wait before the second attempt; every further
	// failure doubles the bound, up to RetryMax. The wait itself is drawn evenly
	// from zero to the bound, so that many boxes do not return in step.
	RetryDelay, RetryMax time.Duration
	// RetryMultiplier is what a failure multiplies that bound by instead of doubling
	// it; zero means DefaultRetryMultiplier.
	RetryMultiplier int
	// RetryLimit is how many attempts in a row may fail before the destination
	// gives up; 0 means never.
	RetryLimit     int
	ConnectTimeout time.Duration
	// After BreakerFailures failures in a row the receiver is left alone for
	// BreakerPause and up to a tenth of it more; then one attempt decides. 0 means
	// never.
	BreakerFailures int
	BreakerPause    time.Duration
	// Timeout is how long there may be nothing to write before the connection is
	// ended until packets come again; 0 means for ever.
	Timeout time.Duration
	// MinBitrate, in bits per second, is what must be sent over BitrateWindow, or
	// the status has an alarm; 0 means no alarm.
	MinBitrate    int
	BitrateWindow time.Duration
	// Bounds of the queue between the encoder and this destination; zero means
	// the hub's.
	QueuePackets, QueueBytes int
}

// The defaults of a Spec.
const (
	DefaultRetryDelay      = 5 * time.Second
	DefaultRetryMax        = 60 * time.Second
	DefaultRetryMultiplier = 2
	DefaultConnectTimeout  = 10 * time.Second
	DefaultWriteTimeout    = 5 * time.Second
	DefaultBreakerPause    = 5 * time.Minute
	DefaultBitrateWindow   = 10 * time.Second
)

func (s Spec) withDefaults() Spec {
	fill := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	fill(&s.RetryDelay, DefaultRetryDelay)
	fill(&s.RetryMax, DefaultRetryMax)
	s.RetryMax = max(s.RetryMax, s.RetryDelay)
	fill(&s.ConnectTimeout, DefaultConnectTimeout)
	fill(&s.Target.WriteTimeout, DefaultWriteTimeout)
	fill(&s.BreakerPause, DefaultBreakerPause)
	fill(&s.BitrateWindow, DefaultBitrateWindow)
	if s.RetryMultiplier <= 0 {
		s.RetryMultiplier = DefaultRetryMultiplier
	}
	return s
}

// check says what no attempt can mend.
func (s Spec) check() error {
	if s.Kind.Dial == nil {
		return fmt.Errorf("output kind %q cannot push", s.Kind.Name)
	}
	if s.Target.URL == nil {
		return errors.New("no URL")
	}
	if s.Kind.Check == nil {
		return nil
	}
	return s.Kind.Check(s.Target)
}

// codecs are those that the receiver takes; nil for the stream's own tracks.
func (s Spec) codecs() []media.Codec {
	if s.Kind.Takes == nil {
		return nil
	}
	return s.Kind.Takes(s.Target)
}

// join is where in the stream a connection begins.
func (s Spec) join() hub.Join {
	if s.Kind.Live {
		return hub.JoinNextKey
	}
	return hub.JoinCached
}

// sameConnection says that a connection made for s serves t as well: they
// differ at most in how and when to retry, and in what is watched meanwhile.
func (s Spec) sameConnection(t Spec) bool {
	return s.Enabled == t.Enabled &&
		s.Kind.Name == t.Kind.Name &&
		s.Target.Name == t.Target.Name &&
		s.Target.WriteTimeout == t.Target.WriteTimeout &&
		sameTrust(s.Target.TLS, t.Target.TLS) &&
		s.Target.Agent == t.Target.Agent &&
		s.QueuePackets == t.QueuePackets && s.QueueBytes == t.QueueBytes &&
		fullURL(s.Target.URL) == fullURL(t.Target.URL) &&
		maps.Equal(s.Target.Options, t.Target.Options)
}

func (s Spec) sameRetry(t Spec) bool {
	return s.RetryDelay == t.RetryDelay && s.RetryMax == t.RetryMax &&
		s.RetryMultiplier == t.RetryMultiplier && s.RetryLimit == t.RetryLimit &&
		s.ConnectTimeout == t.ConnectTimeout &&
		s.BreakerFailures == t.BreakerFailures && s.BreakerPause == t.BreakerPause
}

// sameTrust compares what the configuration can set of TLS.
func sameTrust(a, b *tls.Config) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.RootCAs.Equal(b.RootCAs) && a.ServerName == b.ServerName &&
		a.InsecureSkipVerify == b.InsecureSkipVerify && a.MinVersion == b.MinVersion
}

func fullURL(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.String()
}
