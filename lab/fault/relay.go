package fault

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Relay passes everything on to a good server at target (host:port), and back.
func Relay(target string) Manner { return After(-1, target, Close) }

// After is Relay until so many bytes have come, and then goes on as then, without
// the good server.
func After(n int64, target string, then Manner) Manner {
	return func(ctx context.Context, c net.Conn) {
		conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", target)
		if err != nil {
			Reset(ctx, c)
			return
		}
		server := conn.(*net.TCPConn)
		var back sync.WaitGroup
		over := make(chan struct{}) // the way there is
		back.Go(func() {
			_, err := io.Copy(c, server)
			select {
			case <-over:
				return
			default:
			}
			if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
				_ = c.Close() // the good server has left, or the client
			}
		})
		if n < 0 {
			_, _ = io.Copy(struct{ io.Writer }{server}, c)
			_ = server.CloseWrite()
			_ = server.SetReadDeadline(time.Now().Add(time.Second)) // for its last words
			back.Wait()
			_ = server.Close()
			return
		}
		_, rest := io.CopyN(struct{ io.Writer }{server}, c, n)
		close(over)
		_ = server.SetReadDeadline(time.Unix(1, 0))
		_ = server.Close()
		back.Wait()
		if rest == nil {
			then(ctx, c)
		}
	}
}
