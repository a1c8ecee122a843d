package rtmp

import (
	"crypto/md5" // what the protocol has
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/encoderbox/encoderbox/output"
)

// maxAuthRounds bounds the connections that one Dial makes for authentication:
// without credentials, with the name, with the answer to the challenge.
const maxAuthRounds = 3

// challenge is a server's demand for a user name and password: Adobe's access
// manager (also Wowza's) and Limelight's, told in the description of a refused
// connect: "code=403 need auth; authmod=adobe", then, once the name is known,
// "authmod=adobe :?reason=needauth&user=…&salt=…&challenge=…&opaque=…". The
// server closes the connection each time.
type challenge struct {
	module string            // "adobe" or "llnw"
	params map[string]string // those behind "?"; nil in the first round
}

// Error implements error.
func (c *challenge) Error() string { return "authentication asked for" }

// demand finds a challenge in the description of a refusal.
func demand(description string) (*challenge, bool) {
	_, rest, found := strings.Cut(description, "authmod=")
	if !found || len(description) > maxControl {
		return nil, false
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < 'a' || r > 'z' })
	if end < 0 {
		end = len(rest)
	}
	c := &challenge{module: rest[:end]}
	if _, query, found := strings.Cut(rest[end:], "?"); found {
		c.params = map[string]string{}
		// Not by net/url: values are base64 and not escaped.
		for pair := range strings.SplitSeq(query, "&") {
			if name, value, found := strings.Cut(strings.TrimSpace(pair), "="); found && len(c.params) < 16 {
				c.params[name] = value
			}
		}
	}
	return c, true
}

// answer is the query that the next connect has to carry, or the error that
// there is none.
func (c *challenge) answer(a address) (string, error) {
	refuse := func(format string, args ...any) error {
		err := fmt.Errorf("%w: %s "+format, append([]any{output.ErrRejected, a.dial}, args...)...)
		return told{output.WithCause(output.CauseAuth, err)}
	}
	switch reason := c.params["reason"]; {
	case c.module != "adobe" && c.module != "llnw":
		return "", refuse("asks for a user name and password in a way that is not supported (authmod=%s)", cut(a.clean(c.module), 20))
	case a.user == "":
		return "", refuse("asks for a user name and password (authmod=%s): put them into the URL before the host, as in rtmp://user:password@host/app/key", c.module)
	case c.params == nil:
		return "authmod=" + c.module + "&user=" + escapeUser(a.user), nil
	case reason == "nosuchuser":
		return "", refuse("knows no user of the name in the URL (nosuchuser)")
	case reason != "needauth":
		return "", refuse("does not accept the user name and password of the URL (%s)", cut(a.clean(reason), 40))
	}
	nonce, err := clientNonce()
	if err != nil {
		return "", err
	}
	if c.module == "llnw" {
		return c.limelight(a, nonce), nil
	}
	return c.adobe(a, nonce), nil
}

// adobe answers by base64(md5(base64(md5(user salt password)) opaque-or-challenge nonce)).
func (c *challenge) adobe(a address, nonce string) string {
	secret, opaque := c.params["challenge"], c.params["opaque"]
	if opaque != "" {
		secret = opaque
	}
	inner := digest64(a.user + c.params["salt"] + a.password)
	query := "authmod=adobe&user=" + escapeUser(a.user) + "&challenge=" + nonce + "&response=" + digest64(inner+secret+nonce)
	if opaque != "" {
		query += "&opaque=" + opaque
	}
	return query
}

// limelight answers as HTTP digest authentication does (RFC 2617 §3.2.2), with
// the realm "live", the method "publish" and the application as URI.
func (c *challenge) limelight(a address, nonce string) string {
	const realm, count, quality = "live", "00000001", "auth"
	app := a.name()
	if !strings.Contains(app, "/") {
		app += "/_definst_" // the default instance
	}
	response := digestHex(strings.Join([]string{
		digestHex(a.user + ":" + realm + ":" + a.password),
		c.params["nonce"], count, nonce, quality,
		digestHex("publish:/" + app),
	}, ":"))
	return "authmod=llnw&user=" + escapeUser(a.user) + "&nonce=" + c.params["nonce"] + "&cnonce=" + nonce + "&nc=" + count + "&response=" + response
}

// escapeUser keeps a name from ending the parameter it is in. Servers compare
// everything else as it comes.
func escapeUser(s string) string {
	return strings.NewReplacer("%", "%25", "&", "%26", "?", "%3f", "#", "%23", " ", "%20").Replace(s)
}

func clientNonce() (string, error) {
	var b [4]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("make a nonce: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

func digest64(s string) string {
	sum := md5.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func digestHex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// authenticated is the address with what a challenge asks for added, in the
// place where servers look for it: behind the application and the tcUrl.
func (a address) authenticated(query string) (app, tcURL string) {
	if query == "" {
		return a.app, a.tcURL
	}
	sep := "?"
	if strings.Contains(a.app, "?") {
		sep = "&"
	}
	return a.app + sep + query, a.tcURL + sep + query
}

// asChallenge finds the demand in an error of connect.
func asChallenge(err error) (c *challenge, ok bool) {
	ok = errors.As(err, &c)
	return c, ok
}
