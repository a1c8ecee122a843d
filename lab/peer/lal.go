package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// lalVersion is the pin of lab/peer/lalserver/go.mod; it names the program built
// from it.
const lalVersion = "v0.37.4"

// LalOptions say what a [Lal] does besides taking streams.
type LalOptions struct {
	// Secret, when set, has to come with whoever publishes, as the parameter
	// lal_secret of the stream's name.
	Secret string
}

// Lal is a lal server: RTMP in, and every stream recorded as FLV.
type Lal struct {
	*server
	dir  string
	addr string
}

// StartLal starts a lal, which is built first when the user's cache folder has
// none of this version.
func StartLal(tb TB, o LalOptions) *Lal {
	tb.Helper()
	path, err := buildLal(context.Background())
	if err != nil {
		tb.Fatalf("%v", err)
	}
	l := &Lal{dir: tb.TempDir()}
	l.server = startServer(tb, Place{}, []string{"tcp"}, func(s []socket) (Command, error) {
		l.addr = loopback(s[0].port)
		conf := filepath.Join(l.dir, "lal.json")
		if err := l.writeConfig(conf, o); err != nil {
			return Command{}, fmt.Errorf("peer: write lal's configuration: %w", err)
		}
		return Command{Name: "lal", Dir: l.dir, Args: []string{path, "-c", conf}}, nil
	})
	return l
}

// URL is where to publish, and from where to play, the stream of that name.
func (l *Lal) URL(stream string) string { return "rtmp://" + l.addr + "/live/" + stream }

// Addr is the host and port of RTMP.
func (l *Lal) Addr() string { return l.addr }

// Recordings lists the FLV files of a stream, oldest first.
func (l *Lal) Recordings(stream string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(l.dir, "rec", stream+"-*.flv"))
	if err != nil {
		return nil, fmt.Errorf("peer: list lal's recordings of %q: %w", stream, err)
	}
	slices.Sort(files) // the names end in Unix seconds
	return files, nil
}

// writeConfig has what this version reads; what is left out is off.
func (l *Lal) writeConfig(path string, o LalOptions) error {
	type object map[string]any
	b, err := json.MarshalIndent(object{
		"conf_version": "v0.4.1",
		"rtmp":         object{"enable": true, "addr": l.addr, "gop_num": 1},
		"record":       object{"enable_flv": true, "flv_out_path": filepath.Join(l.dir, "rec")},
		"simple_auth":  object{"dangerous_lal_secret": o.Secret, "pub_rtmp_enable": o.Secret != ""},
		"log":          object{"level": 1, "is_to_stdout": true, "filename": ""},
	}, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}

// buildLal returns the server's program, built in seconds where it is missing.
func buildLal(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("peer: build lal: %w", err)
	}
	path := filepath.Join(cache, "encoderbox", "bin", "lalserver-"+lalVersion)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("peer: build lal: %w", err)
	}
	_, source, _, ok := runtime.Caller(0)
	module := filepath.Join(filepath.Dir(source), "lalserver")
	if _, err := os.Stat(filepath.Join(module, "go.mod")); !ok || err != nil {
		return "", errors.New("peer: build lal: lab/peer/lalserver is not beside the sources that this was built from")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("peer: build lal: %w", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(path), "lalserver-*.tmp")
	if err != nil {
		return "", fmt.Errorf("peer: build lal: %w", err)
	}
	defer os.RemoveAll(work)
	built := filepath.Join(work, "lalserver")
	log, err := Run(ctx, Command{Dir: module, Args: []string{"go", "build", "-mod=readonly", "-o", built, "github.com/q191201771/lal/app/lalserver"}})
	if err != nil {
		return "", fmt.Errorf("peer: build lal: %w: %s", err, lastLines(log, 5))
	}
	if err := os.Rename(built, path); err != nil {
		return "", fmt.Errorf("peer: build lal: %w", err)
	}
	return path, nil
}
