package request

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"strings"
	"sync"
	"unicode"
)

// digest is Digest authentication (RFC 7616) at one server: what it has asked
// for, and how often that was used.
type digest struct {
	mu    sync.Mutex // guards the fields below
	asked *digestChallenge
	count uint32
}

// digestChallenge is what a server has asked for.
type digestChallenge struct {
	realm, nonce, opaque string
	algorithm            string // as written
	new                  func() hash.Hash
	session              bool // algorithm -sess
	auth                 bool // quality of protection auth; else that of RFC 2069
	userhash             bool
}

// digestOf finds the strongest Digest among what a server offers.
func digestOf(offers []challenge) (best *digestChallenge, stale bool) {
	for _, o := range offers {
		if o.scheme != "digest" || o.params["nonce"] == "" || hasControl(o.params) {
			continue
		}
		d := &digestChallenge{
			realm: o.params["realm"], nonce: o.params["nonce"], opaque: o.params["opaque"], algorithm: o.params["algorithm"],
			userhash: strings.EqualFold(o.params["userhash"], "true"),
		}
		name, session := strings.CutSuffix(strings.ToUpper(d.algorithm), "-SESS")
		d.session = session
		switch name {
		case "", "MD5":
			d.new = md5.New
		case "SHA-256":
			d.new = sha256.New
		default:
			continue
		}
		offered := false
		for q := range strings.SplitSeq(o.params["qop"], ",") {
			q = strings.TrimSpace(q)
			offered = offered || q != ""
			d.auth = d.auth || strings.EqualFold(q, "auth")
		}
		if offered && !d.auth || session && !d.auth {
			continue // auth-int would need the whole body before its header
		}
		if best == nil || name == "SHA-256" {
			best, stale = d, strings.EqualFold(o.params["stale"], "true")
		}
	}
	return best, stale
}

func hasControl(params map[string]string) bool {
	for _, v := range params {
		if strings.ContainsFunc(v, unicode.IsControl) {
			return true
		}
	}
	return false
}

// header is the value of Authorization for a request; empty while the server has
// not asked.
func (d *digest) header(req *http.Request, user, password string) string {
	d.mu.Lock()
	a := d.asked
	d.count++
	count := d.count
	d.mu.Unlock()
	if a == nil {
		return ""
	}
	return a.header(req.Method, req.URL.RequestURI(), user, password, rand.Text(), count)
}

// header is RFC 7616 §3.4.
func (a *digestChallenge) header(method, uri, user, password, cnonce string, count uint32) string {
	sum := func(parts ...string) string {
		h := a.new()
		_, _ = h.Write([]byte(strings.Join(parts, ":"))) // never fails
		return hex.EncodeToString(h.Sum(nil))
	}
	name := user
	if a.userhash {
		name = sum(user, a.realm)
	}
	secret := sum(user, a.realm, password)
	if a.session {
		secret = sum(secret, a.nonce, cnonce)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `Digest username=%s, realm=%s, nonce=%s, uri=%s`, quoted(name), quoted(a.realm), quoted(a.nonce), quoted(uri))
	if a.auth {
		nc := fmt.Sprintf("%08x", count)
		fmt.Fprintf(&b, `, qop=auth, nc=%s, cnonce=%s, response="%s"`, nc, quoted(cnonce), sum(secret, a.nonce, nc, cnonce, "auth", sum(method, uri)))
	} else {
		fmt.Fprintf(&b, `, response="%s"`, sum(secret, a.nonce, sum(method, uri)))
	}
	if a.algorithm != "" {
		b.WriteString(", algorithm=" + a.algorithm)
	}
	if a.opaque != "" {
		b.WriteString(", opaque=" + quoted(a.opaque))
	}
	if a.userhash {
		b.WriteString(", userhash=true")
	}
	return b.String()
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// Challenged says whether a request that was answered by 401 (Unauthorized) is
// to be made again: the server has asked for Digest authentication in a way that
// this request has not tried.
func (c *Client) Challenged(req *http.Request, answer *Answer) bool {
	if answer.Code != http.StatusUnauthorized || c.user == nil || c.header.Get("Authorization") != "" ||
		c.scheme == authBasic || !c.home(req.URL) {
		return false
	}
	asked, stale := digestOf(challenges(answer.Head.Values("WWW-Authenticate")))
	if asked == nil {
		return false
	}
	c.digest.mu.Lock()
	defer c.digest.mu.Unlock()
	sent := req.Header.Get("Authorization")
	if old := c.digest.asked; old != nil && strings.HasPrefix(sent, "Digest ") {
		mine := strings.Contains(sent, "nonce="+quoted(old.nonce)+",")
		if mine && !stale {
			return false // it knows the password, and does not like it
		}
		if !mine {
			return true // another request has learned better meanwhile
		}
	}
	c.digest.asked, c.digest.count = asked, 0
	return true
}
