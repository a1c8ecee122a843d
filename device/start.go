package device

import (
	"errors"
	"fmt"
	"io"

	"github.com/encoderbox/encoderbox/device/commit"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/hardware"
)

// ErrConfig marks an error in the configuration file; its text says all of them,
// one a line.
var ErrConfig = errors.New("configuration is not valid")

type configError struct{ error }

func (e configError) Is(target error) bool { return target == ErrConfig }
func (e configError) Unwrap() error        { return e.error }

func loadConfig(file string) (*config.Config, error) {
	cfg, err := config.Load(file, rules())
	if err != nil {
		return nil, configError{err}
	}
	return cfg, nil
}

// load reads the configuration that the daemon starts with: the file's, or the last one
// that ran where the daemon ended too often with that, or the factory's where a reset was
// under way; and with Rescue something in any case.
func (o *Options) load() (*config.Config, error) {
	o.resetting, o.unreset = resumeReset(o.ConfigFile, newSystem().factory)
	cfg, err := loadConfig(o.ConfigFile)
	if err != nil && o.Rescue {
		cfg, err = o.rescue(err)
	}
	if err != nil {
		return nil, err
	}
	var replaced *commit.Recovery
	state, err := cfg.StatePath()
	if err == nil {
		replaced, err = commit.Recover(commit.OS{}, o.ConfigFile, state, rules())
	}
	if o.untried = err; replaced == nil {
		return cfg, nil
	}
	o.recovered = replaced
	return loadConfig(o.ConfigFile)
}

// rescue puts another configuration in the place of the file, which is none for cause.
func (o *Options) rescue(cause error) (*config.Config, error) {
	state, err := new(config.Config).StatePath() // where the file says another, nobody knows it
	var doc []byte
	if err == nil {
		doc, err = factoryDocument(newSystem().factory)
	}
	if err != nil {
		return nil, configError{errors.Join(cause, err)}
	}
	if o.recovered, err = commit.Rescue(commit.OS{}, o.ConfigFile, state, doc, rules(), cause); err != nil {
		return nil, configError{err}
	}
	return loadConfig(o.ConfigFile)
}

// begin has the box follow a configuration that it starts with, or that somebody edited in
// the file. What of it cannot be followed is told, left out and tried again: there is
// none before to go back to, and who is to mend it needs the network, the console and the
// page. Only the loop calls it.
func (d *box) begin() {
	err := d.apply()
	if err == nil {
		return
	}
	d.keeper.Behind(err)
	if err := d.obey(possible(d.keeper.Running())); err != nil {
		d.log.Error("not even a part of the configuration runs", "err", err)
	}
}

// possible is what of a configuration can run: without destinations that have no
// address, and as a model that there is.
func possible(cfg *config.Config) *config.Config {
	next := cfg.Clone()
	for _, s := range next.Streams {
		for name, dc := range s.Destinations {
			full, err := expand(dc)
			if err != nil {
				delete(s.Destinations, name)
				continue
			}
			s.Destinations[name] = full
		}
	}
	if hardware.Known(next.Board.Model) != nil {
		next.Board.Model = hardware.Auto
	}
	return next
}

// Check says on w that a configuration file is fine, or returns what is wrong.
func Check(file string, w io.Writer) error {
	if _, err := loadConfig(file); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s is fine\n", file)
	return err
}
