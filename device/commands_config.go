package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
)

func (d *box) configCommands() []control.Command {
	return []control.Command{
		{
			Name: "config export", Help: "The configuration as a file's text; with secrets into a file on the box", Role: control.Admin,
			Args: []control.Arg{{Name: "secrets", Kind: control.Switch, Help: "with stream keys and passwords, for another box", Optional: true, Default: "off"}},
			Confirm: []control.Ask{func(a control.Args) string {
				if !a.On("secrets") {
					return ""
				}
				return "Who has the file can stream in your name. Export stream keys and passwords in the clear?"
			}},
			Run: d.exportConfig,
		},
		{
			Name: "config import", Help: "Replace the whole configuration; secrets that are masked stay what they are", Role: control.Admin,
			Args: []control.Arg{
				{Name: "file", Kind: control.Word, Help: "a file on the box, such as /media/usb/encoderd.toml", Optional: true},
				{Name: "version", Kind: control.Word, Help: "refuse if the present configuration is not this version any more", Optional: true},
				{Name: "document", Kind: control.Document, Help: "the file's text, instead of its name", Optional: true, Secret: true},
			},
			Confirm: []control.Ask{control.Question("What is not in it is reset to its default. Replace the whole configuration?")},
			Run:     d.importConfig,
		},
	}
}

// exported is an exported configuration for programs: its text, or where it is.
type exported struct {
	Version string `json:"version"`
	TOML    string `json:"toml,omitempty"`
	file
}

func (d *box) exportConfig(_ context.Context, call control.Call) (control.Result, error) {
	cfg, version := d.keeper.Now()
	if !call.Args.On("secrets") {
		text := string(config.MarshalMasked(cfg))
		return control.Result{Text: text, Data: exported{Version: version, TOML: text}}, nil
	}
	f, err := d.export("config", ".toml", func(w io.Writer) error {
		_, err := w.Write(config.Marshal(cfg))
		return err
	})
	if err != nil {
		return control.Result{}, err
	}
	return control.Result{Text: "exported to " + f.Path, Data: exported{Version: version, file: f}}, nil
}

func (d *box) importConfig(ctx context.Context, call control.Call) (control.Result, error) {
	name, doc := call.Args.Get("file"), []byte(call.Args.Get("document"))
	if (name == "") == (len(doc) == 0) {
		return control.Result{}, control.Errorf(control.Usage, "say what to import: a file, or a document")
	}
	if name != "" {
		var err error
		if doc, err = readDocument(name); err != nil {
			return control.Result{}, err
		}
	}
	changed, err := d.changeConfig(ctx, call.Caller.Name, call.Args.Get("version"), change{
		next: func(old *config.Config) (*config.Config, error) { return config.Import(old, doc, rules()) },
	})
	if err != nil {
		return control.Result{}, refused(err)
	}
	if !changed {
		return control.Result{Text: "the box has that configuration already"}, nil
	}
	return control.Result{Text: "the configuration is replaced"}, nil
}

// maxImport bounds a configuration file that is imported, bytes.
const maxImport = 1 << 20

// readDocument reads a regular file of the box.
func readDocument(name string) ([]byte, error) {
	if !filepath.IsAbs(name) {
		return nil, control.Errorf(control.Usage, "import %q: give the whole path, such as /media/usb/encoderd.toml", name)
	}
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0) // a FIFO's other end is not waited for
	if errors.Is(err, os.ErrNotExist) {
		return nil, control.Errorf(control.NotFound, "import: there is no file %s", name)
	}
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxImport {
		return nil, control.Errorf(control.Usage, "import: %s is no file of at most %d bytes", name, maxImport)
	}
	doc, err := io.ReadAll(io.LimitReader(f, maxImport))
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	return doc, nil
}
