package request

import (
	"net/http"
	"strings"
	"testing"
	"unicode"
)

// The examples of RFC 7616 §3.9.1.
func TestDigestOfTheStandard(t *testing.T) {
	const offer = `realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", algorithm=`
	for algorithm, want := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		d, _ := digestOf(challenges([]string{"Digest " + offer + algorithm}))
		if d == nil {
			t.Fatalf("%s: not read", algorithm)
		}
		got := d.header(http.MethodGet, "/dir/index.html", "Mufasa", "Circle of Life", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", 1)
		if !strings.Contains(got, `response="`+want+`"`) || !strings.Contains(got, "nc=00000001, cnonce=") {
			t.Errorf("%s: %s", algorithm, got)
		}
	}
	// The stronger one is taken, whatever the order.
	d, stale := digestOf(challenges([]string{"Digest " + offer + "SHA-256, stale=TRUE", "Basic realm=x, Digest " + offer + "MD5"}))
	if d == nil || d.algorithm != "SHA-256" || !stale {
		t.Errorf("chose %+v, stale %v", d, stale)
	}
}

func TestChallenges(t *testing.T) {
	for in, want := range map[string]int{
		"":                                        0,
		`Basic realm="a, b"`:                      0,
		`Digest realm="x"`:                        0, // without a nonce
		`Digest nonce=abc`:                        1, // RFC 2069
		`Digest nonce=abc, qop="auth-int"`:        0,
		`Digest nonce=abc, algorithm=SHA-512`:     0,
		`Negotiate a==, Digest nonce="a\"b"`:      1,
		`Digest nonce="abc`:                       0,
		"Digest nonce=\"a\r\nX: y\"":              0,
		`Digest nonce=abc, algorithm=MD5-sess`:    0, // needs qop
		`Bearer, Digest nonce=abc, userhash=true`: 1,
	} {
		got := 0
		if d, _ := digestOf(challenges([]string{in})); d != nil {
			got = 1
		}
		if got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
}

func FuzzChallenges(f *testing.F) {
	f.Add(`Digest realm="x", nonce="y", qop="auth,auth-int", algorithm=SHA-256-sess, userhash=true`)
	f.Add(`Basic realm="\"", Digest nonce=a==,,, x`)
	f.Add(`Negotiate abc==, Digest nonce=`)
	f.Fuzz(func(t *testing.T, in string) {
		all := challenges([]string{in})
		if len(all) > maxChallenges {
			t.Fatalf("%d challenges", len(all))
		}
		d, _ := digestOf(all)
		if d == nil {
			return
		}
		got := d.header("PUT", "/a?b", "us\"er", "password", "c", 1)
		if strings.ContainsFunc(got, unicode.IsControl) || strings.Contains(got, "password") && !strings.Contains(in, "password") {
			t.Fatalf("header %q", got)
		}
	})
}
