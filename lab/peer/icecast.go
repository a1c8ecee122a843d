package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"text/template"
	"time"
)

// IcecastOptions say how an [Icecast] is set up.
type IcecastOptions struct {
	Password string // of sources; "hackme" when empty
	Sources  int    // how many it takes at once; 4 when zero
}

// Icecast is an Icecast 2 server. It takes SHOUTcast sources too, as the mount point
// /shout, on the port behind its own. Debian's is built without TLS: see [TLSFront].
type Icecast struct {
	*server
	addr   string
	client *http.Client
}

// StartIcecast starts an Icecast 2.
func StartIcecast(tb TB, o IcecastOptions) *Icecast {
	tb.Helper()
	if o.Password == "" {
		o.Password = "hackme"
	}
	if o.Sources == 0 {
		o.Sources = 4
	}
	dir := tb.TempDir()
	i := &Icecast{client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	values := map[string]any{"O": o, "Dir": dir, "Root": os.Geteuid() == 0}
	i.server = startServer(tb, Place{}, []string{"tcp"}, func(s []socket) (Command, error) {
		pair, err := portPair()
		if err != nil {
			return Command{}, err
		}
		s[0].port = pair
		i.addr = loopback(pair)
		values["Port"] = pair
		conf := filepath.Join(dir, "icecast.xml")
		f, err := os.Create(conf)
		if err != nil {
			return Command{}, fmt.Errorf("peer: write icecast's configuration: %w", err)
		}
		defer f.Close()
		if err := icecastConf.Execute(f, values); err != nil {
			return Command{}, fmt.Errorf("peer: write icecast's configuration: %w", err)
		}
		return Command{Name: "icecast2", Dir: dir, Args: []string{"icecast2", "-c", conf}, settled: i.settled}, f.Close()
	})
	return i
}

// settleTime is what its last thread takes to start after the first answer. A
// SHOUTcast source that comes before ends the server by a null pointer (2.4.4), and so
// does a question now and then.
const settleTime = 500 * time.Millisecond

// settled waits until all of its threads work: it listens before that.
func (i *Icecast) settled(ended <-chan struct{}) error {
	limit := time.Now().Add(startTimeout)
	for wait := 20 * time.Millisecond; ; {
		_, err := i.Sources(context.Background())
		if err == nil {
			wait = settleTime
		} else if time.Now().After(limit) {
			return fmt.Errorf("peer: icecast does not come up: %w", err)
		}
		select {
		case <-ended:
			return nil // the caller sees it
		case <-time.After(wait):
		}
		if err == nil {
			return nil
		}
	}
}

// portPair picks two ports in a row that nobody holds, and returns the first.
func portPair() (int, error) {
	for range 20 * portTries {
		first, err := freeSockets(Place{}, "tcp")
		if err != nil {
			return 0, err
		}
		l, err := net.Listen("tcp", loopback(first[0].port+1))
		if err == nil {
			return first[0].port, l.Close()
		}
	}
	return 0, errors.New("peer: no two ports in a row are free")
}

// Addr is the host and port, of listeners too.
func (i *Icecast) Addr() string { return i.addr }

// URL is where listeners find a mount point ("/live").
func (i *Icecast) URL(mount string) string { return "http://" + i.addr + mount }

// IcecastSource is what Icecast tells of one mount point.
type IcecastSource struct {
	Name      string `json:"server_name"`
	Genre     string `json:"genre"`
	Title     string `json:"title"`
	Type      string `json:"server_type"`
	ListenURL string `json:"listenurl"`
	AudioInfo string `json:"audio_info"`
}

// Sources asks Icecast for what is on the air, over plain HTTP.
func (i *Icecast) Sources(ctx context.Context) ([]IcecastSource, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.URL("/status-json.xsl"), nil)
	if err != nil {
		return nil, fmt.Errorf("peer: ask icecast: %w", err)
	}
	resp, err := i.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("peer: ask icecast: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("peer: ask icecast: %w", err)
	}
	return parseIcecast(body)
}

// parseIcecast reads status-json.xsl, where one source is an object and several are
// a list.
func parseIcecast(body []byte) ([]IcecastSource, error) {
	var status struct {
		Icestats struct{ Source json.RawMessage }
	}
	if err := json.Unmarshal(body, &status); err != nil {
		return nil, fmt.Errorf("peer: parse icecast's status: %w: %s", err, body[:min(len(body), 1000)])
	}
	raw := status.Icestats.Source
	if len(raw) == 0 {
		return nil, nil
	}
	var all []IcecastSource
	if raw[0] == '[' {
		return all, json.Unmarshal(raw, &all)
	}
	all = make([]IcecastSource, 1)
	return all, json.Unmarshal(raw, &all[0])
}

// It refuses to run as root, and logs to its output.
var icecastConf = template.Must(template.New("icecast.xml").Parse(`<icecast>
	<location>lab</location>
	<admin>lab@localhost</admin>
	<hostname>localhost</hostname>
	<limits>
		<clients>32</clients>
		<sources>{{.O.Sources}}</sources>
		<queue-size>524288</queue-size>
		<client-timeout>30</client-timeout>
		<header-timeout>5</header-timeout>
		<source-timeout>5</source-timeout>
		<burst-on-connect>1</burst-on-connect>
		<burst-size>65536</burst-size>
	</limits>
	<authentication>
		<source-password>{{.O.Password}}</source-password>
		<admin-user>admin</admin-user>
		<admin-password>{{.O.Password}}-admin</admin-password>
	</authentication>
	<listen-socket>
		<port>{{.Port}}</port>
		<bind-address>127.0.0.1</bind-address>
		<shoutcast-mount>/shout</shoutcast-mount>
	</listen-socket>
	<fileserve>1</fileserve>
	<paths>
		<basedir>/usr/share/icecast2</basedir>
		<logdir>{{.Dir}}</logdir>
		<webroot>/usr/share/icecast2/web</webroot>
		<adminroot>/usr/share/icecast2/admin</adminroot>
	</paths>
	<logging>
		<accesslog>-</accesslog>
		<errorlog>-</errorlog>
		<loglevel>3</loglevel>
	</logging>
	<security>
		<chroot>0</chroot>
{{- if .Root}}
		<changeowner><user>nobody</user><group>nogroup</group></changeowner>
{{- end}}
	</security>
</icecast>
`))
