package whip

import (
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/request"
)

// maxWords bounds what is shown of an endpoint's own words.
const maxWords = 120

// refusal puts an endpoint's no into words. The path is not shown: with several
// services it holds the stream's key.
func refusal(method, host string, a *request.Answer) error {
	r := request.Refusal(method, host, a) // for Retry-After and the causes that all kinds share
	var advice string
	switch code := a.Code; code {
	case http.StatusUnauthorized:
		advice = "the endpoint wants a token, or another one: set authorization"
	case http.StatusForbidden:
		advice = "the endpoint does not let this token publish there: check authorization and the path of the URL"
	case http.StatusNotFound, http.StatusGone:
		advice = "the endpoint has no such stream: check the path of the URL"
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		r.Cause, advice = request.CauseRejected, "this is no WHIP endpoint: check the path of the URL"
		if method == http.MethodPatch { // one has been there for the publication
			advice = "the endpoint restarts no ICE"
		}
	case http.StatusConflict:
		r.Cause, advice = request.CauseRejected, "the stream is in use: is another encoder publishing it?"
	case http.StatusBadRequest, http.StatusNotAcceptable, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		advice = "the endpoint does not take what is offered: does it take H.264 of the profile that the encoder makes?"
	default:
		if words := bodyWords(a); words != "" && !strings.Contains(r.Text, words) {
			r.Text += fmt.Sprintf(" (it says: %s)", words)
		}
		return r
	}
	r.Text = fmt.Sprintf("%s %s: %s: %s", method, host, oneLine(a.Status, 60), advice)
	if words := bodyWords(a); words != "" {
		r.Text += fmt.Sprintf(" (it says: %s)", words)
	}
	return r
}

// bodyWords is the first line of an answer that is text for people, or JSON.
func bodyWords(a *request.Answer) string {
	typ, _, _ := mime.ParseMediaType(a.Head.Get("Content-Type"))
	if typ != "text/plain" && typ != "application/json" && typ != "application/problem+json" {
		return ""
	}
	line, _, _ := strings.Cut(strings.TrimSpace(a.Text), "\n")
	return oneLine(line, maxWords)
}

// oneLine is foreign text made fit for a log: no control characters, bounded.
func oneLine(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}

// unusable is an answer that passed HTTP and is of no use.
func unusable(host, what string, err error) error {
	text := fmt.Sprintf("the SDP answer of %s %s", host, what)
	if err != nil {
		text += ": " + oneLine(err.Error(), maxWords)
	}
	return fmt.Errorf("%w: %s", output.ErrRejected, text)
}
