package origin

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/encoderbox/encoderbox/output"
)

// digestServer takes uploads from those who know the password, and changes its
// nonce after every third request.
type digestServer struct {
	t         *testing.T
	algorithm string
	mu        sync.Mutex // guards the fields below
	nonce     int
	used      map[string]bool
	taken     int
	asked     int
	basic     int
}

var digestField = regexp.MustCompile(`(\w+)=(?:"([^"]*)"|([^, ]+))`)

func (d *digestServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, _ = io.Copy(io.Discard, r.Body)
	auth := r.Header.Get("Authorization")
	if strings.HasPrefix(auth, "Basic ") {
		d.basic++
	}
	stale := "false"
	if strings.HasPrefix(auth, "Digest ") {
		field := map[string]string{}
		for _, m := range digestField.FindAllStringSubmatch(auth, -1) {
			field[m[1]] = m[2] + m[3]
		}
		if d.right(r, field) {
			if field["nonce"] == fmt.Sprint("nonce", d.nonce) {
				if d.taken++; d.taken%3 == 0 {
					d.nonce++
				}
				return
			}
			stale = "true"
		}
	}
	d.asked++
	w.Header().Add("WWW-Authenticate", `Basic realm="origin"`)
	w.Header().Add("WWW-Authenticate", fmt.Sprintf(`Digest realm="live, \"ingest\"", nonce="nonce%d", qop="auth-int,auth", algorithm=%s, opaque="o", stale=%s`, d.nonce, d.algorithm, stale))
	w.WriteHeader(http.StatusUnauthorized)
}

// right is RFC 7616 §3.4.1, from the server's side.
func (d *digestServer) right(r *http.Request, f map[string]string) bool {
	sums := map[string]func() hash.Hash{"MD5": md5.New, "SHA-256": sha256.New}
	h := func(s string) string {
		sum := sums[d.algorithm]()
		_, _ = io.WriteString(sum, s)
		return hex.EncodeToString(sum.Sum(nil))
	}
	count := f["nonce"] + f["nc"]
	if d.used[count] {
		d.t.Errorf("nonce and count %s used twice", count)
	}
	d.used[count] = true
	if f["uri"] != r.RequestURI || f["opaque"] != "o" || f["algorithm"] != d.algorithm || f["qop"] != "auth" {
		d.t.Errorf("got %v", f)
	}
	secret := h(`box:live, "ingest":pass word`)
	return f["response"] == h(strings.Join([]string{secret, f["nonce"], f["nc"], f["cnonce"], "auth", h(r.Method + ":" + f["uri"])}, ":"))
}

func TestDigestAuthentication(t *testing.T) {
	for _, algorithm := range []string{"MD5", "SHA-256"} {
		for _, auth := range []string{"auto", "digest", "basic"} {
			t.Run(algorithm+" "+auth, func(t *testing.T) {
				d := &digestServer{t: t, algorithm: algorithm, used: map[string]bool{}}
				srv := serve(t, d.ServeHTTP)
				base := strings.Replace(srv.URL, "://", "://box:pass%20word@", 1) + "/in?q=1"
				f := opened(t, base, map[string]string{"auth": auth}, nil)
				var err error
				for i := range 8 {
					err = errors.Join(err, f.Put(t.Context(), file(fmt.Sprintf("%d.m4s", i), "content")))
				}
				err = errors.Join(err, f.Delete(t.Context(), "0.m4s"))
				if auth == "basic" {
					if output.CauseOf(err) != output.CauseAuth || d.taken > 0 {
						t.Errorf("%d taken, %v", d.taken, err)
					}
					return
				}
				if err != nil || d.taken != 9 || d.asked != 3 { // once, and when the nonce had gone stale
					t.Errorf("%d taken, %d times asked for the password, %v", d.taken, d.asked, err)
				}
				if want := map[string]int{"auto": 1, "digest": 0}[auth]; d.basic != want {
					t.Errorf("the password went out in the clear %d times", d.basic)
				}
				wrong := opened(t, strings.Replace(base, "word", "wort", 1), map[string]string{"auth": auth}, nil)
				d.asked = 0
				if err := wrong.Put(t.Context(), file("x.m4s", "x")); output.CauseOf(err) != output.CauseAuth || d.asked > 2 || strings.Contains(err.Error(), "wort") {
					t.Errorf("wrong password, asked %d times: %v", d.asked, err)
				}
			})
		}
	}
}
