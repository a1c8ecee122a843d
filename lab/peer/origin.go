package peer

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
)

// OriginOptions say what an [Origin] refuses.
type OriginOptions struct {
	// MaxBody is the largest file it takes; 0 is 256 MB.
	MaxBody int64
}

// Origin is an nginx that takes HLS and DASH by PUT, lets files be deleted by
// DELETE, serves them, and notes every request.
type Origin struct {
	*server
	dir  string
	http string
}

// StartOrigin starts an origin.
func StartOrigin(tb TB, opts OriginOptions) *Origin {
	tb.Helper()
	o := &Origin{dir: tb.TempDir()}
	if opts.MaxBody == 0 {
		opts.MaxBody = 256 << 20
	}
	for _, sub := range []string{o.Dir(), filepath.Join(o.dir, "tmp")} {
		if err := os.MkdirAll(sub, 0o755); err != nil {
			tb.Fatalf("peer: make a folder for nginx: %v", err)
		}
	}
	o.server = startServer(tb, Place{}, []string{"tcp"}, func(s []socket) (Command, error) {
		o.http = loopback(s[0].port)
		var conf strings.Builder
		if err := originConf.Execute(&conf, map[string]any{"Dir": o.dir, "HTTP": o.http, "Root": filepath.Dir(o.Dir()), "Log": o.accessLog(), "O": opts}); err != nil {
			return Command{}, fmt.Errorf("peer: make nginx's configuration: %w", err)
		}
		path := filepath.Join(o.dir, "nginx.conf")
		if err := os.WriteFile(path, []byte(conf.String()), 0o600); err != nil {
			return Command{}, fmt.Errorf("peer: write nginx's configuration: %w", err)
		}
		return Command{Name: "nginx", Dir: o.dir, Args: []string{"nginx", "-e", "stderr", "-p", o.dir, "-c", path}}, nil
	})
	return o
}

// Addr is its host and port.
func (o *Origin) Addr() string { return o.http }

// URL is the folder to upload to; files appear in Dir.
func (o *Origin) URL() string { return "http://" + o.http + "/live/" }

// Dir is the folder behind URL.
func (o *Origin) Dir() string { return filepath.Join(o.dir, "www", "live") }

func (o *Origin) accessLog() string { return filepath.Join(o.dir, "access.log") }

// Request is one that an Origin answered.
type Request struct {
	Method string
	Path   string
	Status int
}

// Requests are all it answered so far, in the order in which they ended.
func (o *Origin) Requests() ([]Request, error) {
	b, err := os.ReadFile(o.accessLog())
	if err != nil {
		return nil, fmt.Errorf("peer: read nginx's log: %w", err)
	}
	var all []Request
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue // not a whole request: garbage, or a connection that closed
		}
		code, err := strconv.Atoi(f[2])
		if err != nil {
			return nil, fmt.Errorf("peer: nginx's log: %q", line)
		}
		all = append(all, Request{f[0], f[1], code})
	}
	return all, nil
}

// One process, without a master: what is started is what is stopped.
var originConf = template.Must(template.New("origin.conf").Parse(`daemon off;
master_process off;
pid {{.Dir}}/nginx.pid;
error_log stderr info;
events { worker_connections 256; }
http {
	log_format request '$request_method $uri $status';
	access_log {{.Log}} request;
	client_max_body_size {{.O.MaxBody}};
	client_body_temp_path {{.Dir}}/tmp/body;
	proxy_temp_path {{.Dir}}/tmp/proxy;
	fastcgi_temp_path {{.Dir}}/tmp/fastcgi;
	uwsgi_temp_path {{.Dir}}/tmp/uwsgi;
	scgi_temp_path {{.Dir}}/tmp/scgi;
	types {
		application/vnd.apple.mpegurl m3u8;
		application/dash+xml mpd;
		video/mp4 mp4 m4s;
	}
	server {
		listen {{.HTTP}};
		location / {
			root {{.Root}};
			dav_methods PUT DELETE;
			create_full_put_path on;
			add_header Access-Control-Allow-Origin *;
		}
	}
}
`))
