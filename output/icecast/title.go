package icecast

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/request"
)

const (
	titleTries   = 4
	titleTimeout = 5 * time.Second
)

// tellTitle tells the server what is on. It knows the source a moment after it has
// accepted it, so one no is not the last word; the stream goes on without.
func (c *conn) tellTitle(ctx context.Context, t output.Target, tell func(context.Context, output.Target) error) {
	var err error
	for try := range titleTries {
		wait := time.NewTimer(time.Duration(1<<try) * 250 * time.Millisecond)
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
		limited, cancel := context.WithTimeout(ctx, titleTimeout)
		err = tell(limited, t)
		cancel()
		if err == nil {
			return
		}
	}
	if ctx.Err() == nil && c.log != nil {
		c.log.Warn("the title was not told", "destination", t.Name, "err", withoutPassword(t, err))
	}
}

// withoutPassword is an error's text: a server may say back what it was asked, and
// the password of SHOUTcast is in that.
func withoutPassword(t output.Target, err error) string {
	text := err.Error()
	if password, _ := t.URL.User.Password(); password != "" {
		text = strings.NewReplacer(password, "***", url.QueryEscape(password), "***").Replace(text)
	}
	return text
}

// tellIcecast updates the metadata of a mount point.
func tellIcecast(ctx context.Context, t output.Target) error {
	base := &url.URL{
		Scheme: strings.TrimPrefix(strings.ToLower(t.URL.Scheme), "icecast+"), Host: t.URL.Host, Path: "/admin/metadata",
		RawQuery: url.Values{"mode": {"updinfo"}, "mount": {t.URL.Path}, "charset": {"UTF-8"}, "song": {t.Options["title"]}}.Encode(),
	}
	if t.URL.Port() == "" && base.Scheme == "http" {
		base.Host = net.JoinHostPort(t.URL.Hostname(), icecastPort)
	}
	if password, ok := t.URL.User.Password(); ok {
		base.User = url.UserPassword(user(t), password)
	}
	return get(ctx, t, base, t.Agent)
}

// tellShoutcast does the same on a server that has one stream. It takes browsers
// for people, and the metadata from others alone.
func tellShoutcast(ctx context.Context, t output.Target) error {
	base := &url.URL{
		Scheme: "http", Host: net.JoinHostPort(t.URL.Hostname(), listenerPort(t)), Path: "/admin.cgi",
		RawQuery: url.Values{"mode": {"updinfo"}, "pass": {secret(t)}, "song": {t.Options["title"]}}.Encode(),
	}
	return get(ctx, t, base, t.Agent+" (Mozilla Compatible)")
}

func get(ctx context.Context, t output.Target, base *url.URL, agent string) error {
	t.Options, t.Agent = nil, agent
	client, err := request.New(t, base, false)
	if err != nil {
		return err
	}
	defer client.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, client.Base().String(), nil)
	if err != nil {
		return errors.New("metadata: the address cannot be asked for") // its text would have the password
	}
	client.Dress(req)
	resp, err := client.Do(req)
	if err != nil {
		return output.NetworkError(base.Host, err)
	}
	defer resp.Body.Close()
	a, err := request.Read(resp)
	switch {
	case err != nil:
		return output.NetworkError(base.Host, err)
	case a.Code != http.StatusOK:
		return refusal(base.Host, a)
	}
	return nil
}
