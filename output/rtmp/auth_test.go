package rtmp

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

const (
	authUser     = "camera 7"
	authPassword = "pa/ss&word"
)

// guard is a scripted access manager: it asks as Adobe's and Limelight's do, and
// checks the answer by a computation of its own.
type guard struct {
	module         string
	user, password string
	opaque         bool   // with "opaque" beside the challenge
	refuse         string // the reason given whatever the answer
	admitted       chan string
}

func (g *guard) talk(s *scripted) {
	c := s.await("connect")
	if c == nil {
		return
	}
	o, _ := object(c.Arguments[0])
	tcURL, _ := o.GetString("tcUrl")
	app, _ := o.GetString("app")
	reject := func(description string) {
		s.say("_error", c.CommandID, info("error", "NetConnection.Connect.Rejected", "[ AccessManager.Reject ] : [ "+description))
	}
	name, query, _ := strings.Cut(app, "?")
	if !strings.HasSuffix(tcURL, app) || name != "live" {
		return
	}
	given := map[string]string{}
	for pair := range strings.SplitSeq(query, "&") {
		k, v, _ := strings.Cut(pair, "=")
		given[k] = v
	}
	user, _ := url.PathUnescape(given["user"])
	switch {
	case given["authmod"] != g.module:
		reject("code=403 need auth; authmod=" + g.module + " ] : ")
	case g.refuse != "":
		reject("authmod=" + g.module + " ] : ?reason=" + g.refuse + "&opaque=xxxx")
	case user != g.user:
		reject("authmod=" + g.module + " ] : ?reason=nosuchuser")
	case given["response"] == "" && g.opaque:
		reject("authmod=" + g.module + " ] : ?reason=needauth&user=" + given["user"] + "&salt=c2Fs==&challenge=Y2hh==&opaque=b3Bh==")
	case given["response"] == "":
		reject("authmod=" + g.module + " ] : ?reason=needauth&user=" + given["user"] + "&salt=c2Fs==&challenge=Y2hh==&nonce=bm9u==")
	case given["response"] != g.want(given):
		reject("authmod=" + g.module + " ] : ?reason=authfailed&opaque=xxxx")
	default:
		s.say("_result", c.CommandID, info("status", "NetConnection.Connect.Success", ""))
		if s.created() && s.accepted() {
			g.admitted <- query
			s.drain()
		}
	}
}

// want is the right answer, by the formulas as others have written them down.
func (g *guard) want(given map[string]string) string {
	sum := func(s string) []byte { h := md5.Sum([]byte(s)); return h[:] }
	if g.module == "llnw" {
		a1 := hex.EncodeToString(sum(g.user + ":live:" + g.password))
		a2 := hex.EncodeToString(sum("publish:/live/_definst_"))
		return hex.EncodeToString(sum(fmt.Sprintf("%s:%s:%s:%s:auth:%s", a1, "bm9u==", given["nc"], given["cnonce"], a2)))
	}
	middle := "Y2hh=="
	if g.opaque {
		middle = "b3Bh=="
	}
	first := base64.StdEncoding.EncodeToString(sum(g.user + "c2Fs==" + g.password))
	return base64.StdEncoding.EncodeToString(sum(first + middle + given["challenge"]))
}

func guards() map[string]guard {
	return map[string]guard{
		"adobe":             {module: "adobe"},
		"adobe with opaque": {module: "adobe", opaque: true},
		"llnw":              {module: "llnw"},
	}
}

// credentialURL is a publishing URL with user information.
func credentialURL(addr, user, password string) string {
	return (&url.URL{Scheme: "rtmp", User: url.UserPassword(user, password), Host: addr, Path: "/live/" + secretKey}).String()
}

func TestAuthenticationIsAnswered(t *testing.T) {
	for name, g := range guards() {
		t.Run(name, func(t *testing.T) {
			g.user, g.password, g.admitted = authUser, authPassword, make(chan string, 1)
			c := mustDial(t, target(t, credentialURL(script(t, g.talk), authUser, authPassword)))
			mustWrite(t, c, picture(0, 0, true, 10))
			<-g.admitted
		})
	}
}

// FFmpeg's client implements both ways independently: it gets past the scripted
// server with the right password, and not with another.
func TestTheScriptedServerChecksAsFFmpegAnswers(t *testing.T) {
	clip, err := footage.StreetMP4(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, g := range guards() {
		t.Run(name, func(t *testing.T) {
			g.user, g.password, g.admitted = "camera7", "password7", make(chan string, 1)
			addr := script(t, g.talk)
			if err := peer.Publish(t, clip, credentialURL(addr, "camera7", "another")).Wait(t.Context()); err == nil {
				t.Error("a wrong password was let in")
			}
			peer.Publish(t, clip, credentialURL(addr, "camera7", "password7"))
			select {
			case <-g.admitted:
			case <-time.After(20 * time.Second):
				t.Error("FFmpeg was not let in")
			}
		})
	}
}

// gortmplib's server checks Adobe's way independently.
func TestAuthenticationByAnIndependentServer(t *testing.T) {
	admitted := make(chan error, 8)
	addr := serve(t, func(c net.Conn) {
		sc := &gortmplib.ServerConn{RW: c}
		if sc.Initialize() != nil || sc.CheckCredentials("camera7", "password7") != nil {
			return
		}
		err := sc.Accept()
		admitted <- err
		for err == nil {
			_, err = sc.Read()
		}
	})
	mustDial(t, target(t, credentialURL(addr, "camera7", "password7")))
	if err := <-admitted; err != nil {
		t.Error(err)
	}
	checkCause(t, target(t, credentialURL(addr, "camera7", "wrong-word")), output.CauseAuth, "does not accept the user name and password of the URL (authfailed)")
}

func TestAuthenticationFailures(t *testing.T) {
	for _, tc := range []struct {
		name       string
		g          guard
		user, pass string
		want       string
	}{
		{"no credentials, adobe", guard{module: "adobe"}, "", "", "asks for a user name and password (authmod=adobe): put them into the URL"},
		{"no credentials, llnw", guard{module: "llnw"}, "", "", "asks for a user name and password (authmod=llnw): put them into the URL"},
		{"wrong password, adobe", guard{module: "adobe"}, authUser, "wrong-word", "does not accept the user name and password of the URL (authfailed)"},
		{"wrong password, llnw", guard{module: "llnw"}, authUser, "wrong-word", "(authfailed)"},
		{"unknown user", guard{module: "adobe"}, "nobody", authPassword, "knows no user of the name in the URL"},
		{"another module", guard{module: "kerberos"}, authUser, authPassword, "in a way that is not supported (authmod=kerberos)"},
		{"asks for ever", guard{module: "adobe", refuse: "needauth"}, authUser, authPassword, "asks for the user name and password again and again"},
		{"a strange reason", guard{module: "adobe", refuse: "\x1bred" + strings.Repeat("x", 500)}, authUser, authPassword, "(redxxx"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.g.user, tc.g.password = authUser, authPassword
			addr := script(t, tc.g.talk)
			raw := "rtmp://" + addr + "/live/" + secretKey
			if tc.user != "" {
				raw = credentialURL(addr, tc.user, tc.pass)
			}
			checkCause(t, target(t, raw), output.CauseAuth, tc.want)
		})
	}
}

// checkCause dials and wants a refusal for a cause, without secrets in it.
func checkCause(t *testing.T, tg output.Target, cause output.Cause, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := Dial(ctx, tg, []*media.Track{video, audio})
	if err == nil {
		c.Close()
		t.Fatal("no error")
	}
	text := err.Error()
	if output.CauseOf(err) != cause || !errors.Is(err, output.ErrRejected) || !strings.Contains(text, want) {
		t.Errorf("cause %q, want %q; error %v, want %q", output.CauseOf(err), cause, err, want)
	}
	for _, secret := range []string{secretKey, authPassword, "wrong-word", "response=", "\n", "\x1b"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in %q", secret, text)
		}
	}
	if len(text) > 600 {
		t.Errorf("an error of %d bytes", len(text))
	}
}

// The digests against figures made by hand (md5sum, base64).
func TestDigests(t *testing.T) {
	a := address{user: "user", password: "pass", app: "live/instance?x=1"}
	c := challenge{module: "adobe", params: map[string]string{"salt": "salt", "challenge": "chal"}}
	// base64(md5(base64(md5("usersaltpass")) + "chal" + "01020304"))
	if got, want := c.adobe(a, "01020304"), "authmod=adobe&user=user&challenge=01020304&response=AvAzfCbPYpsAt9SaqJB44A=="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	c = challenge{module: "llnw", params: map[string]string{"nonce": "nonce"}}
	if got, want := c.limelight(a, "01020304"), "authmod=llnw&user=user&nonce=nonce&cnonce=01020304&nc=00000001&response=0b574f203b6179fcf6389386f177becc"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
