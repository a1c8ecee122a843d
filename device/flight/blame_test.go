package flight

import (
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

var update = flag.Bool("update", false, "write BLAME.md anew")

const (
	youtube = "destination youtube"
	sec     = time.Second
)

func TestBlame(t *testing.T) {
	type held struct {
		fact        fact
		from, until time.Duration // until 0: holds still
	}
	for _, tc := range []struct {
		name    string
		symptom output.Symptom
		subject string
		err     error
		facts   []held
		want    output.Blame
	}{
		{"queue drop of a push on a good link", output.SymptomQueue, youtube, nil, []held{{transportWell, 0, 0}}, output.BlameServer},
		{"queue drop while packets are sent again", output.SymptomQueue, youtube, nil, []held{{linkBad, 95 * sec, 0}}, output.BlameLink},
		{"queue drop, and then the server hangs up", output.SymptomQueue, youtube, nil, []held{{serverBad, 108 * sec, 0}}, output.BlameServer},
		{"queue drop long after a server hung up", output.SymptomQueue, youtube, nil, []held{{serverBad, 10 * sec, 40 * sec}}, output.BlameLink},
		{"queue drop of a push, nothing known", output.SymptomQueue, youtube, nil, nil, output.BlameLink},
		{"queue drop of the segmenter while the disk is full", output.SymptomQueue, "segments", nil, []held{{diskBad, 90 * sec, 0}}, output.BlameDisk},
		{"queue drop of the segmenter, nothing known", output.SymptomQueue, "segments", nil, nil, output.BlameEncoder},
		{"another destination's link says nothing", output.SymptomQueue, "segments", nil, []held{{linkBad, 90 * sec, 0}}, output.BlameEncoder},
		{"connection refused", output.SymptomConnection, youtube, syscall.ECONNREFUSED, nil, output.BlameServer},
		{"HTTP 503", output.SymptomRefused, youtube, errors.New("PUT seg.m4s: HTTP 503"), nil, output.BlameServer},
		{"closed by the peer", output.SymptomConnection, youtube, fmt.Errorf("closed: %w", io.EOF), nil, output.BlameServer},
		{"no route", output.SymptomConnection, youtube, syscall.EHOSTUNREACH, nil, output.BlameLink},
		{"timeout", output.SymptomConnection, youtube, os.ErrDeadlineExceeded, nil, output.BlameLink},
		{"stalled while packets are sent again", output.SymptomConnection, youtube, output.ErrStalled, []held{{linkBad, 90 * sec, 0}}, output.BlameLink},
		{"stalled on a good link", output.SymptomConnection, youtube, output.ErrStalled, []held{{transportWell, 0, 0}}, output.BlameServer},
		{"expired certificate", output.SymptomConnection, youtube, x509.CertificateInvalidError{Reason: x509.Expired}, nil, output.BlameServer},
		{"certificate not valid yet without the time of day", output.SymptomConnection, youtube, x509.CertificateInvalidError{Reason: x509.Expired}, []held{{clockUnknown, 0, 0}}, output.BlameClock},
		{"discontinuity without a signal", output.SymptomDiscontinuity, "segments", nil, []held{{inputBad, 80 * sec, 98 * sec}}, output.BlameInput},
		{"discontinuity while the encoder recovers", output.SymptomDiscontinuity, "segments", nil, []held{{encoderBad, 99 * sec, 0}}, output.BlameEncoder},
		{"discontinuity when the clock stepped", output.SymptomDiscontinuity, "segments", nil, []held{{clockStepped, 100 * sec, 100 * sec}}, output.BlameClock},
		{"discontinuity after a restart", output.SymptomDiscontinuity, "segments", nil, []held{{boxStarted, 88 * sec, 88 * sec}}, output.BlameEncoder},
		{"smaller pictures for a slow link", output.SymptomDiscontinuity, "segments", nil, []held{{narrowed, 95 * sec, 0}}, output.BlameLink},
		{"full size again", output.SymptomDiscontinuity, "segments", nil, []held{{narrowed, 60 * sec, 98 * sec}}, output.BlameLink},
		{"the input fails while pictures are small", output.SymptomDiscontinuity, "segments", nil, []held{{narrowed, 60 * sec, 0}, {inputBad, 98 * sec, 0}}, output.BlameInput},
		{"forced cut of a source as it is", output.SymptomForcedCut, "segments", nil, []held{{passthrough, 0, 0}}, output.BlameInput},
		{"forced cut", output.SymptomForcedCut, "segments", nil, nil, output.BlameEncoder},
		{"encoder recovery", output.SymptomEncoder, "encoder", syscall.EIO, nil, output.BlameEncoder},
		{"capture device gone", output.SymptomInput, "input", syscall.ENODEV, nil, output.BlameInput},
		{"file input on a card that failed", output.SymptomInput, "input", syscall.EIO, []held{{diskBad, 99 * sec, 0}}, output.BlameDisk},
		{"recording on a full disk", output.SymptomLostSegment, "recording", syscall.ENOSPC, nil, output.BlameDisk},
		{"segment never uploaded after an outage", output.SymptomLostSegment, youtube, nil, []held{{linkBad, 20 * sec, 0}}, output.BlameLink},
		{"behind for a server's errors", output.SymptomBehind, youtube, errors.New("HTTP 500 Internal Server Error"), nil, output.BlameServer},
		{"wall clock step", output.SymptomClock, "clock", nil, nil, output.BlameClock},
		{"a symptom nobody has heard of", "new", "thing", nil, nil, output.BlameEncoder},
	} {
		e := evidence{spans: map[factKey]span{}}
		for _, f := range tc.facts {
			k := keyOf(f.fact, "main", youtube)
			e.begin(k, f.from)
			if f.until != 0 {
				e.end(k, f.until)
			}
		}
		got, because := e.blame(trouble{tc.symptom, "main", tc.subject, classify(tc.err, ""), 100 * sec})
		if got != tc.want || because == "" {
			t.Errorf("%s: %s (%s), want %s", tc.name, got, because, tc.want)
		}
		if other := (&evidence{spans: e.spans}).held(inputBad, "other", "", 100*sec, sec); other {
			t.Errorf("%s: a fact of one stream holds for another", tc.name)
		}
	}
}

// The words that the pushes have, as people read them in status.
func TestWordsAreClassified(t *testing.T) {
	for text, want := range map[string]class{
		"rtmp://h/live/***: connection refused: is the server running on h:1935?":                   classServer,
		"rtmp://h/live/***: the receiver closed the connection: EOF":                                classServer,
		"rtmp://h/***: not connected within 10s: dial tcp: i/o timeout":                             classLink,
		"srt://h:9000: connection lost: h:9000 closed it, or was not heard of for 5s":               classLink,
		"srt://h: rejected by the peer: h:9000 refused the connection: wrong passphrase":            classServer,
		"rtmps://h: h:443 has accepted nothing for 10s: is the server stuck, or the uplink down?":   classStalled,
		"tls: failed to verify certificate: x509: certificate has expired or is not yet valid: now": classTrust,
		"tls: failed to verify certificate: x509: certificate signed by unknown authority":          classServer,
		"write /mnt/sd/a.mp4: no space left on device":                                              classDisk,
		"dial tcp: lookup live.example.com: no such host":                                           classLink,
		"PUT https://cdn/seg.m4s: 403 Forbidden":                                                    classServer,
		"unexpected status code: 502":                                                               classServer,
		"read tcp 10.0.0.1:500->10.0.0.2:443: connection reset by peer":                             classServer,
		"segment 404 is late": classNone,
		"":                    classNone,
	} {
		if got := classify(nil, text); got != want {
			t.Errorf("%q: class %d, want %d", text, got, want)
		}
	}
}

// What the status says of a push: its cause counts, and the words where that is not
// enough.
func TestCausesAreClassified(t *testing.T) {
	for _, tc := range []struct {
		cause output.Cause
		words string
		want  class
	}{
		{output.CauseClosed, "the connection timed out, says the server, and closed it", classServer},
		{output.CauseNetwork, "h took the offer, but no way for media was found: refused by a firewall?", classLink},
		{output.CauseDNS, `host "h" not found: check the spelling`, classLink},
		{output.CauseStalled, "h was not heard of for 5s", classStalled},
		{output.CauseTLS, "TLS: the certificate of h is out of its dates: renew it, or set the clock of this box", classTrust},
		{output.CauseTLS, "TLS: the certificate of h is not for the name \"h\": use the name it was made for", classServer},
		{output.CauseLocal, "write /mnt/sd/a: no space left on device", classDisk},
		{output.CauseLocal, "WHIP takes no B-frames", classLocal},
		{"", "h: connection reset by peer", classServer}, // of a destination that takes segments
		{"", "something new", classNone},
	} {
		if got := classify(stated{tc.cause, tc.words}, ""); got != tc.want {
			t.Errorf("%s, %q: class %d, want %d", tc.cause, tc.words, got, tc.want)
		}
	}
	for cause := range causeClasses {
		if got, want := classify(output.WithCause(cause, errors.New("x")), ""), causeClasses[cause]; got != want {
			t.Errorf("an error with cause %s: class %d, want %d", cause, got, want)
		}
	}
}

// BLAME.md is the table for people; go test -run BlameTable -update writes it.
func TestBlameTableIsDocumented(t *testing.T) {
	want := blameDocument()
	if *update {
		if err := os.WriteFile("BLAME.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile("BLAME.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Error("BLAME.md is not the table of blame.go: go test ./device/flight -run BlameTable -update")
	}
}

func blameDocument() string {
	classes := map[class]string{
		classNone: "–", classDisk: "storage: full, read-only, failing, gone", classServer: "refused, HTTP 4xx or 5xx, closed, reset",
		classLink: "timeout, no route, name not found", classStalled: "no data taken", classTrust: "certificate out of its time",
		classLocal: "of the box's own side",
	}
	var b strings.Builder
	b.WriteString(`# Who is to blame

The first line that fits holds. A line fits when the symptom is in it, the error is of its class, and what it asks for was true
within its time before or after the symptom. What a component knows for sure it says itself; that stands above the table.
A blame may change for ` + longestNear.String() + `, as evidence comes in. "–" asks for nothing.

| symptom | of | error | what else is true | within | blame | because |
|---|---|---|---|---|---|---|
`)
	for _, r := range rules {
		names, of, near := "any", "any part", "–"
		if len(r.symptoms) > 0 {
			words := make([]string, len(r.symptoms))
			for i, s := range r.symptoms {
				words[i] = string(s)
			}
			names = strings.Join(words, ", ")
		}
		if r.remote {
			of = "a destination"
		}
		if r.near > 0 {
			near = r.near.String()
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | **%s** | %s |\n", names, of, classes[r.class], facts[r.fact].name, near, r.blame, r.because)
	}
	return b.String()
}

func TestEvidenceIsBounded(t *testing.T) {
	e := evidence{spans: map[factKey]span{}}
	for i := range 10 * factsKept {
		e.happened(keyOf(linkBad, "main", fmt.Sprintf("destination %d", i)), time.Duration(i)*time.Millisecond)
	}
	if len(e.spans) > factsKept {
		t.Errorf("%d facts kept", len(e.spans))
	}
	e.forget(time.Hour)
	if len(e.spans) != 0 {
		t.Errorf("%d old facts kept", len(e.spans))
	}
}
