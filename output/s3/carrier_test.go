package s3

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/peer"
)

// slowToClose is content whose Close takes its time.
type slowToClose struct {
	io.Reader
	closed atomic.Bool
}

func (c *slowToClose) Close() error {
	time.Sleep(50 * time.Millisecond)
	c.closed.Store(true)
	return nil
}

// http.Client closes the content of what is redirected, which two must not do at once.
func TestRedirectedContentIsClosedBeforeTheAnswerIsGiven(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 1)
		w.WriteHeader(http.StatusMovedPermanently)
		fmt.Fprint(w, "elsewhere")
	}))
	defer srv.Close()
	for _, size := range []int{1, 100 << 10} {
		content := &slowToClose{Reader: strings.NewReader(strings.Repeat("x", size))}
		var note call
		req, err := http.NewRequestWithContext(noted(t.Context(), &note), http.MethodPut, srv.URL, content)
		require.NoError(t, err)
		req.ContentLength = int64(size)
		req.Header.Set("Expect", "100-continue") // all of the content is sent before it is closed
		resp, err := opened(t, target(srv.URL, nil)).(*bucket).carrier.RoundTrip(req)
		require.NoError(t, err)
		require.True(t, content.closed.Load())
		require.Equal(t, http.StatusMovedPermanently, note.code)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "elsewhere", string(text))
		require.NoError(t, resp.Body.Close())
	}
}

func TestARedirectionByWhoDoesNotReadIsAnAnswer(t *testing.T) {
	p := peer.StartBadPeer(t, func(ctx context.Context, c *peer.BadConn) {
		_, _ = c.Read(make([]byte, 1000))
		_, _ = io.WriteString(c, "HTTP/1.1 301 Moved Permanently\r\nContent-Length: 9\r\n\r\nelsewhere")
		peer.NeverRead()(ctx, c)
	})
	content := &slowToClose{Reader: strings.NewReader(strings.Repeat("x", 16<<20))}
	var note call
	req, err := http.NewRequestWithContext(noted(t.Context(), &note), http.MethodPut, "http://"+p.Addr(), content)
	require.NoError(t, err)
	resp, err := opened(t, target("http://"+p.Addr(), nil)).(*bucket).carrier.RoundTrip(req)
	require.NoError(t, err)
	require.True(t, content.closed.Load())
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusMovedPermanently, note.code)
}
