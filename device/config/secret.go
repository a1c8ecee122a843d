package config

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"unique"

	"github.com/encoderbox/encoderbox/output"
)

// Mask stands for a secret wherever configuration is shown.
const Mask = "***"

// Secret is a text that is never printed: every way of formatting, logging or
// encoding it gives the mask; only Reveal gives the text. It is comparable, and
// its zero value is the empty text. The text is held behind a handle, so that
// reflection on an unexported field shows no more than an address.
type Secret struct{ handle unique.Handle[string] }

// NewSecret makes a Secret of a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{unique.Make(strings.Clone(text))}
}

// Reveal is the text itself. Do not print it.
func (s Secret) Reveal() string {
	if s == (Secret{}) {
		return ""
	}
	return s.handle.Value()
}

// IsZero says that there is no text.
func (s Secret) IsZero() bool { return s == Secret{} }

// String is the mask, or nothing where there is no secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return Mask
}

// GoString is String.
func (s Secret) GoString() string { return s.String() }

// Format writes String, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { writeString(f, s.String()) }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the text.
func (s *Secret) UnmarshalText(b []byte) error {
	*s = NewSecret(string(b))
	return nil
}

func (s Secret) reveal() string { return s.Reveal() }

// SecretURL is a URL with secrets in it, such as a stream key or a password.
// It prints as output.Redacted has it; otherwise it is as a Secret.
type SecretURL struct{ secret Secret }

// NewSecretURL makes a SecretURL of a text, which need not be a valid URL.
func NewSecretURL(text string) SecretURL { return SecretURL{NewSecret(text)} }

// Reveal is the URL's text itself. Do not print it.
func (u SecretURL) Reveal() string { return u.secret.Reveal() }

// URL is the parsed URL, secrets included. A configuration that was checked
// holds valid ones only.
func (u SecretURL) URL() (*url.URL, error) {
	p, err := url.Parse(u.Reveal())
	if err != nil {
		return nil, errNotation // the parser's own error quotes the text
	}
	return p, nil
}

// Scheme is the URL's scheme in lower case, "" where it has none.
func (u SecretURL) Scheme() string {
	p, err := u.URL()
	if err != nil {
		return ""
	}
	return p.Scheme
}

// IsZero says that there is no URL.
func (u SecretURL) IsZero() bool { return u == SecretURL{} }

// String is the URL without its secrets.
func (u SecretURL) String() string {
	if u.IsZero() {
		return ""
	}
	p, err := u.URL()
	switch {
	case err != nil || p.Scheme == "":
		return Mask
	case p.Opaque != "" || p.Host == "":
		return p.Scheme + ":" + Mask
	}
	return output.Redacted(p)
}

// GoString is String.
func (u SecretURL) GoString() string { return u.String() }

// Format writes String, whatever the verb.
func (u SecretURL) Format(f fmt.State, _ rune) { writeString(f, u.String()) }

// LogValue is String.
func (u SecretURL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText is String.
func (u SecretURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText takes the text.
func (u *SecretURL) UnmarshalText(b []byte) error {
	*u = NewSecretURL(string(b))
	return nil
}

func (u SecretURL) reveal() string { return u.Reveal() }

// writeString cannot fail in a way a Formatter could report.
func writeString(w io.Writer, s string) { _, _ = io.WriteString(w, s) }

// concealed is a leaf whose text only reveal shows.
type concealed interface{ reveal() string }

var (
	_ concealed      = Secret{}
	_ concealed      = SecretURL{}
	_ fmt.Formatter  = Secret{}
	_ fmt.Formatter  = SecretURL{}
	_ slog.LogValuer = Secret{}
	_ slog.LogValuer = SecretURL{}
)
