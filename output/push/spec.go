package push

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"time"

	"github.com/encoderbox/encoderbox/output"
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
	// RetryLimit is how many attempts in a row may fail before the destination
	// gives up; 0 means never.
	RetryLimit     int
	ConnectTimeout time.Duration
	// Bounds of the queue between the encoder and this destination; zero means
	// the hub's.
	QueuePackets, QueueBytes int
}

// The defaults of a Spec.
const (
	DefaultRetryDelay     = 5 * time.Second
	DefaultRetryMax       = 60 * time.Second
	DefaultConnectTimeout = 10 * time.Second
	DefaultWriteTimeout   = 5 * time.Second
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

// sameConnection says that a connection made for s serves t as well: they
// differ at most in how and when to retry.
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
		s.RetryLimit == t.RetryLimit && s.ConnectTimeout == t.ConnectTimeout
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
