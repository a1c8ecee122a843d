package device

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/flight"
)

// part is a file of a support bundle. One that cannot be made says why in its place.
type part struct {
	name string
	make func(ctx context.Context, w io.Writer) error
}

func (d *box) supportParts() []part {
	probe := func(asJSON bool) func(context.Context, io.Writer) error {
		return func(_ context.Context, w io.Writer) error {
			return WriteProbe(w, d.keeper.Running().Board.Model, asJSON)
		}
	}
	system := func(name string) part {
		return part{"system/" + name, func(_ context.Context, w io.Writer) error {
			f, err := os.Open("/proc/" + name)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(w, io.LimitReader(f, maxSaid))
			return err
		}}
	}
	return []part{
		{"status.json", func(_ context.Context, w io.Writer) error { return writeJSON(w, d.store.Load()) }},
		{"events.json", func(_ context.Context, w io.Writer) error {
			events, _ := d.store.Events(0)
			return writeJSON(w, events)
		}},
		{"incidents.json", func(_ context.Context, w io.Writer) error { return writeJSON(w, d.flight.Query(flight.Query{})) }},
		{"config.toml", func(_ context.Context, w io.Writer) error {
			_, err := w.Write(config.MarshalMasked(d.keeper.Running()))
			return err
		}},
		{"log.txt", func(ctx context.Context, w io.Writer) error {
			said, err := d.system.run(ctx, "journalctl", "--unit=encoderd", "--lines=20000", "--no-pager", "--output=short-iso")
			return errors.Join(err, write(w, said))
		}},
		{"kernel.txt", func(ctx context.Context, w io.Writer) error {
			said, err := d.system.run(ctx, "journalctl", "--dmesg", "--lines=5000", "--no-pager", "--output=short-iso")
			return errors.Join(err, write(w, said))
		}},
		{"probe.txt", probe(false)},
		{"probe.json", probe(true)},
		{"goroutines.txt", func(_ context.Context, w io.Writer) error { return pprof.Lookup("goroutine").WriteTo(w, 1) }},
		system("cpuinfo"), system("meminfo"), system("loadavg"), system("mounts"), system("version"), system("uptime"),
	}
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func write(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}

// supportBundle packs all parts. None of them is made with secrets, and those that
// others may have written into a log are masked.
func (d *box) supportBundle(ctx context.Context, call control.Call) (control.Result, error) {
	f, err := d.export("support", ".tar.gz", func(w io.Writer) error {
		z := gzip.NewWriter(w)
		t := tar.NewWriter(z)
		return errors.Join(d.pack(ctx, t, call.Progress), t.Close(), z.Close())
	})
	if err != nil {
		return control.Result{}, fmt.Errorf("support bundle: %w", err)
	}
	return control.Result{Text: "packed into " + f.Path, Data: f}, nil
}

func (d *box) pack(ctx context.Context, t *tar.Writer, progress func(control.Progress)) error {
	parts := d.supportParts()
	for i, p := range parts {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		progress(control.Progress{Done: float64(i) / float64(len(parts)), Text: p.name})
		var b bytes.Buffer
		if err := p.make(ctx, &b); err != nil {
			fmt.Fprintf(&b, "\nnot to be had: %v\n", err)
		}
		text := d.keeper.Running().Conceal(b.String())
		header := tar.Header{Name: "support/" + p.name, Mode: 0o600, Size: int64(len(text)), ModTime: time.Now()}
		if err := errors.Join(t.WriteHeader(&header), write(t, text)); err != nil {
			return fmt.Errorf("pack %s: %w", p.name, err)
		}
	}
	progress(control.Progress{Done: 1, Text: "done"})
	return nil
}
