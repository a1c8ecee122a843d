package peer

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"
)

// NginxOptions say what an [Nginx] does besides taking streams.
type NginxOptions struct {
	// Record keeps every published stream as FLV; see Recordings.
	Record bool
	// Key, when set, is the only stream name that may be published.
	Key string
	// DAV takes HTTP PUT and DELETE under /dav/; see DAVDir.
	DAV   bool
	Place Place // where it runs
}

// Nginx is an nginx with the RTMP module: one live application, "live".
type Nginx struct {
	*server
	dir   string
	rtmp  string
	http  string
	place Place
}

// StartNginx starts an nginx that accepts RTMP and HTTP.
func StartNginx(tb TB, o NginxOptions) *Nginx {
	tb.Helper()
	n := &Nginx{dir: tb.TempDir(), place: o.Place}
	for _, sub := range []string{n.recordDir(), n.DAVDir(), filepath.Join(n.dir, "tmp")} {
		if err := os.MkdirAll(sub, 0o755); err != nil {
			tb.Fatalf("peer: make a folder for nginx: %v", err)
		}
	}
	n.server = startServer(tb, o.Place, []string{"tcp", "tcp"}, func(s []socket) (Command, error) {
		n.rtmp, n.http = o.Place.host(s[0].port), o.Place.host(s[1].port)
		conf := filepath.Join(n.dir, "nginx.conf")
		if err := n.writeConfig(conf, o); err != nil {
			return Command{}, err
		}
		return Command{Name: "nginx", Dir: n.dir, Args: []string{"nginx", "-e", "stderr", "-p", n.dir, "-c", conf}}, nil
	})
	return n
}

// URL is where to publish, and from where to play, the stream of that name.
func (n *Nginx) URL(stream string) string { return "rtmp://" + n.rtmp + "/live/" + stream }

// Addr is the host and port of RTMP.
func (n *Nginx) Addr() string { return n.rtmp }

// HTTP is the address of the HTTP side, without a slash at the end.
func (n *Nginx) HTTP() string { return "http://" + n.http }

// DAVURL is where to PUT files when DAV is on; they appear in DAVDir.
func (n *Nginx) DAVURL() string { return n.HTTP() + "/dav/" }

// DAVDir is the folder behind DAVURL.
func (n *Nginx) DAVDir() string { return filepath.Join(n.dir, "www", "dav") }

func (n *Nginx) recordDir() string { return filepath.Join(n.dir, "rec") }

// Recordings lists the FLV files of a stream, oldest first: one for each time it
// was published (two within one second share a file). The newest grows while the
// stream is active.
func (n *Nginx) Recordings(stream string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(n.recordDir(), stream+"-*.flv"))
	if err != nil {
		return nil, fmt.Errorf("peer: list recordings of %q: %w", stream, err)
	}
	slices.Sort(files) // the names end in Unix seconds
	return files, nil
}

// DropPublisher makes nginx close the connection of whoever publishes the stream.
func (n *Nginx) DropPublisher(ctx context.Context, stream string) error {
	q := url.Values{"app": {"live"}, "name": {stream}}
	body, err := n.get(ctx, "/control/drop/publisher?"+q.Encode())
	if err != nil {
		return fmt.Errorf("peer: drop the publisher of %q: %w", stream, err)
	}
	if got := strings.TrimSpace(string(body)); got != "1" {
		return fmt.Errorf("peer: drop the publisher of %q: nginx dropped %q connections", stream, got)
	}
	return nil
}

// NginxStat is nginx-rtmp's account of itself.
type NginxStat struct {
	Accepted int64         `xml:"naccepted"`
	BytesIn  int64         `xml:"bytes_in"`
	BytesOut int64         `xml:"bytes_out"`
	Streams  []NginxStream `xml:"server>application>live>stream"`
}

// NginxStream is one stream that has a publisher or players.
type NginxStream struct {
	Name     string        `xml:"name"`
	BytesIn  int64         `xml:"bytes_in"`
	BytesOut int64         `xml:"bytes_out"`
	Clients  []NginxClient `xml:"client"`
	Active   Flag          `xml:"active"` // being published
	Video    struct {
		Codec     string  `xml:"codec"`
		Profile   string  `xml:"profile"`
		Level     string  `xml:"level"`
		Width     int     `xml:"width"`
		Height    int     `xml:"height"`
		FrameRate float64 `xml:"frame_rate"`
	} `xml:"meta>video"`
	Audio struct {
		Codec      string `xml:"codec"`
		Profile    string `xml:"profile"`
		Channels   int    `xml:"channels"`
		SampleRate int    `xml:"sample_rate"`
	} `xml:"meta>audio"`
}

// NginxClient is one connection to a stream.
type NginxClient struct {
	Address    string `xml:"address"`
	Version    string `xml:"flashver"`
	Dropped    int64  `xml:"dropped"`
	Timestamp  int64  `xml:"timestamp"` // milliseconds
	Publishing Flag   `xml:"publishing"`
}

// Flag is true when its element is present, empty as it is.
type Flag bool

// UnmarshalXML sets the flag.
func (f *Flag) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	*f = true
	return d.Skip()
}

// Stat reads nginx's statistics.
func (n *Nginx) Stat(ctx context.Context) (*NginxStat, error) {
	body, err := n.get(ctx, "/stat")
	if err != nil {
		return nil, fmt.Errorf("peer: read nginx's statistics: %w", err)
	}
	var s NginxStat
	if err := xml.Unmarshal(body, &s); err != nil {
		return nil, fmt.Errorf("peer: parse nginx's statistics: %w", err)
	}
	return &s, nil
}

// Stream reads the statistics of one stream; nil when nobody publishes or plays it.
func (n *Nginx) Stream(ctx context.Context, name string) (*NginxStream, error) {
	s, err := n.Stat(ctx)
	if err != nil {
		return nil, err
	}
	for i := range s.Streams {
		if s.Streams[i].Name == name {
			return &s.Streams[i], nil
		}
	}
	return nil, nil
}

// AwaitPublish returns once the stream is published and its video or audio
// codec is known.
func (n *Nginx) AwaitPublish(ctx context.Context, name string) (*NginxStream, error) {
	for {
		s, err := n.Stream(ctx, name)
		if err != nil {
			return nil, err
		}
		if s != nil && bool(s.Active) && s.Video.Codec+s.Audio.Codec != "" {
			return s, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("peer: wait for %q to be published: %w", name, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (n *Nginx) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.HTTP()+path, nil)
	if err != nil {
		return nil, err
	}
	req.Close = true // nothing is left open for leak checkers to find
	resp, err := n.place.Client().Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return body, err
}

func (n *Nginx) writeConfig(path string, o NginxOptions) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("peer: write nginx's configuration: %w", err)
	}
	defer f.Close()
	module, err := rtmpModule()
	if err != nil {
		return err
	}
	err = nginxConf.Execute(f, map[string]any{
		"Module": module, "Dir": n.dir, "RTMP": n.rtmp, "HTTP": n.http,
		"Rec": n.recordDir(), "Root": filepath.Dir(n.DAVDir()), "O": o,
	})
	if err != nil {
		return fmt.Errorf("peer: write nginx's configuration: %w", err)
	}
	return f.Close()
}

func rtmpModule() (string, error) {
	const path = "/usr/lib/nginx/modules/ngx_rtmp_module.so"
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("peer: nginx has no RTMP module: apt-get install libnginx-mod-rtmp: %w", err)
	}
	return path, nil
}

// One process, without a master: what is started is what is stopped.
var nginxConf = template.Must(template.New("nginx.conf").Parse(`load_module {{.Module}};
daemon off;
master_process off;
pid {{.Dir}}/nginx.pid;
error_log stderr info;
events { worker_connections 256; }
rtmp {
	access_log off; # its own default is a file that only root may write
	server {
		listen {{.RTMP}};
		chunk_size 4096;
		application live {
			live on;
			wait_key on;
{{- if .O.Record}}
			record all;
			record_path {{.Rec}};
			record_unique on;
{{- end}}
{{- if .O.Key}}
			on_publish http://{{.HTTP}}/publish;
			notify_method get;
{{- end}}
		}
	}
}
http {
	access_log off;
	client_max_body_size 256m;
	client_body_temp_path {{.Dir}}/tmp/body;
	proxy_temp_path {{.Dir}}/tmp/proxy;
	fastcgi_temp_path {{.Dir}}/tmp/fastcgi;
	uwsgi_temp_path {{.Dir}}/tmp/uwsgi;
	scgi_temp_path {{.Dir}}/tmp/scgi;
	server {
		listen {{.HTTP}};
		location /stat { rtmp_stat all; }
		location /control { rtmp_control all; }
{{- if .O.Key}}
		location /publish {
			if ($arg_name != "{{.O.Key}}") { return 403; }
			return 204;
		}
{{- end}}
{{- if .O.DAV}}
		location /dav/ {
			root {{.Root}};
			dav_methods PUT DELETE;
			create_full_put_path on;
		}
{{- end}}
	}
}
`))
