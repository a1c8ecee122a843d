package device

import (
	"io"
	"net"
	"net/http"

	"github.com/encoderbox/encoderbox/device/api"
	"github.com/encoderbox/encoderbox/device/web"
)

// routes are the fixed addresses of the box on the LAN.
func (d *box) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", api.Handler(d.store, d))
	mux.Handle("/hls/", http.StripPrefix("/hls", d.hls))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.Handle("/", web.Handler())
	return mux
}

// pageURLs are the addresses at which people find the page: for a listener on
// every address, this machine's name for itself and its LAN addresses.
func pageURLs(addr net.Addr) []string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return nil
	}
	url := func(host string) string { return "http://" + net.JoinHostPort(host, port) + "/" }
	if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() {
		return []string{url(host)}
	}
	urls := []string{url("localhost")}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return urls
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			urls = append(urls, url(n.IP.String()))
		}
	}
	return urls
}
