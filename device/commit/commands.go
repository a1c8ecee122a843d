package commit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// Commands are the commands of the configuration. Each caller, by surface, name and
// session, has a candidate of its own, as Keeper.Session keeps it.
func Commands(k *Keeper) []control.Command {
	all := append(editing(k), committing(k)...)
	all = append(append(all, viewing(k)...), append(history(k), offering(k)...)...)
	for i := range all {
		run := all[i].Run
		all[i].Run = func(ctx context.Context, call control.Call) (control.Result, error) {
			r, err := run(ctx, call)
			return r, Refusal(err)
		}
	}
	return all
}

// of is the candidate of a caller.
func of(k *Keeper, c control.Caller) *Session {
	return k.Session(fmt.Sprintf("%s %q %q", c.Surface, c.Name, c.Session))
}

// by is a caller as others read of it.
func by(c control.Caller) string {
	if c.Name == "" {
		return string(c.Surface)
	}
	return fmt.Sprintf("%s (%s)", c.Name, c.Surface)
}

// pathArg is a path, completed with all that there are now.
func pathArg(k *Keeper, help string) control.Arg {
	return control.Arg{
		Name: "path", Kind: control.Word, Help: help,
		Values: func(*status.Snapshot, control.Args) []string { return k.running.Load().paths() },
	}
}

func editing(k *Keeper) []control.Command {
	shown := pathArg(k, "What to show, such as streams.main.video; left out: all")
	shown.Optional = true
	values := func(_ *status.Snapshot, given control.Args) (texts []string) {
		for _, v := range k.Running().Values(given.Get("path")) {
			texts = append(texts, v.Text)
		}
		return texts
	}
	return []control.Command{
		{
			Name: "show config", Help: "The configuration, as you have changed it, secrets masked", Role: control.Admin, Reads: true,
			Args: []control.Arg{shown},
			Run: func(_ context.Context, call control.Call) (control.Result, error) {
				_, version := k.Now()
				s, err := of(k, call.Caller).Show(call.Args.Get("path"))
				return control.Result{Text: strings.TrimRight(s.TOML, "\n"), Data: versioned{Version: version, Shown: s}}, err
			},
		},
		{
			Name: "config set", Help: "Set a value of your candidate, which runs once you commit it", Role: control.Admin,
			Args: []control.Arg{
				pathArg(k, "The key, such as streams.main.video.gop"),
				// It may be a stream key: whoever logs commands leaves it out.
				{Name: "value", Kind: control.Text, Help: "The value without quotes; left out: a table of this name", Optional: true, Secret: true, Values: values},
			},
			Run: func(_ context.Context, call control.Call) (control.Result, error) {
				s := of(k, call.Caller)
				err := s.Set(call.Args.Get("path"), call.Args.Get("value"))
				return waiting(s), err
			},
		},
		{
			Name: "config delete", Help: "Set a value of your candidate back to its default, or delete a table", Role: control.Admin,
			Args: []control.Arg{pathArg(k, "The key, or a table such as streams.main.destinations.youtube")},
			Run: func(_ context.Context, call control.Call) (control.Result, error) {
				s := of(k, call.Caller)
				err := s.Delete(call.Args.Get("path"))
				return waiting(s), err
			},
		},
	}
}

// versioned is a part of a candidate, with the version that config load can ask for.
type versioned struct {
	Version string `json:"version"`
	Shown
}

// viewing are the commands of a candidate as a whole.
func viewing(k *Keeper) []control.Command {
	return []control.Command{
		{
			Name: "config diff", Help: "Show what your candidate changes", Role: control.Admin, Reads: true,
			Run: func(_ context.Context, call control.Call) (control.Result, error) {
				lines := of(k, call.Caller).Diff()
				return control.Result{Text: orElse(lines, "nothing is changed"), Data: lines}, nil
			},
		},
		{
			Name: "config validate", Help: "Say whether your candidate can be committed", Role: control.Admin, Reads: true,
			Run: func(_ context.Context, call control.Call) (control.Result, error) {
				return control.Result{Text: "valid"}, of(k, call.Caller).Validate()
			},
		},
		{
			Name: "config discard", Help: "Forget what you changed and have not committed", Role: control.Admin,
			Run: func(_ context.Context, call control.Call) (control.Result, error) {
				of(k, call.Caller).Discard()
				return control.Result{}, nil
			},
		},
	}
}

// waiting says how much of a candidate waits.
func waiting(s *Session) control.Result {
	lines := s.Diff()
	return control.Result{Text: orElse(lines, "nothing is changed"), Data: lines}
}

func orElse(lines []string, text string) string {
	if len(lines) == 0 {
		return text
	}
	return strings.Join(lines, "\n")
}

func committing(k *Keeper) []control.Command {
	return []control.Command{
		{
			Name: "config commit", Help: "Have your candidate run, and save it; confirmed: only once you confirm it", Role: control.Admin,
			Args: []control.Arg{
				{Name: "mode", Kind: control.Choice, Choices: []string{"confirmed"}, Optional: true, Help: "Undo it unless it is confirmed in time"},
				{Name: "within", Kind: control.Duration, Unit: "seconds", Optional: true, Min: int64(MinWindow / time.Second), Max: int64(MaxWindow / time.Second), Help: "How long it waits for its confirmation, 60s unless said"},
			},
			Run: func(ctx context.Context, call control.Call) (control.Result, error) {
				return commitCandidate(ctx, k, call)
			},
		},
		{
			Name: "config confirm", Help: "Save the change that waits for its confirmation", Role: control.Admin,
			Run: func(_ context.Context, call control.Call) (control.Result, error) {
				done, err := k.Confirm(by(call.Caller))
				return result(done, "saved: "), err
			},
		},
		{
			Name: "config revert", Help: "Undo the change that waits for its confirmation", Role: control.Admin,
			Run: func(ctx context.Context, call control.Call) (control.Result, error) {
				return control.Result{Text: "the configuration before runs again"}, k.Revert(ctx, by(call.Caller))
			},
		},
		{
			Name: "config pending", Help: "Say whether a change waits for its confirmation, whose, and how long", Role: control.Viewer, Reads: true,
			Run: func(context.Context, control.Call) (control.Result, error) {
				s := k.Status()
				if s.Pending == nil {
					return control.Result{Text: "what runs is saved", Data: s}, nil
				}
				return control.Result{Text: fmt.Sprintf("%d s left to confirm the change by %s: %s", s.Pending.Left, s.Pending.By, few(s.Pending.Paths)), Data: s}, nil
			},
		},
	}
}

// commitCandidate commits the candidate of who calls, to be confirmed if he says so.
func commitCandidate(ctx context.Context, k *Keeper, call control.Call) (control.Result, error) {
	s, who := of(k, call.Caller), by(call.Caller)
	if call.Args.Get("mode") == "" {
		if call.Args.Get("within") != "" {
			return control.Result{}, &control.Error{
				Code: control.Usage, Message: "within is for a commit that is confirmed: it would be saved for good",
				Hint: "config commit confirmed " + call.Args.Get("within"),
			}
		}
		done, err := s.Commit(ctx, who)
		return result(done, "saved: "), err
	}
	within := call.Args.Duration("within")
	done, err := s.CommitConfirmed(ctx, who, within)
	if within == 0 {
		within = DefaultWindow
	}
	r := result(done, "running: ")
	if len(done.Paths) > 0 {
		r.Text += fmt.Sprintf("\nundone in %s unless confirmed: config confirm; your candidate has it again then", config.Duration(within))
	}
	return r, err
}

func result(done Done, what string) control.Result {
	lines := []string{"nothing is changed"}
	if len(done.Paths) > 0 {
		lines[0] = what + few(done.Paths)
	}
	return control.Result{Text: strings.Join(append(lines, done.Notes...), "\n"), Data: done}
}

func history(k *Keeper) []control.Command {
	return []control.Command{
		{
			Name: "config versions", Help: "List the configurations before, by number, with when and who", Role: control.Viewer, Reads: true,
			Run: func(context.Context, control.Call) (control.Result, error) {
				all, damaged, err := k.Versions()
				lines := []string{}
				for _, v := range all {
					lines = append(lines, fmt.Sprintf("%2d  %s  %s  %s", v.N, v.Time.Local().Format(time.DateTime), v.By, v.Comment))
				}
				lines = append(append(lines, FactoryVersion), damaged...)
				return control.Result{Text: strings.Join(lines, "\n"), Data: all}, err
			},
		},
		{
			Name: "config rollback", Help: "Make your candidate a configuration before; commit it to have it run", Role: control.Admin,
			Args: []control.Arg{{
				Name: "version", Kind: control.Word, Help: "Its number, 1 is the one before; or factory",
				Values: func(*status.Snapshot, control.Args) []string {
					names := []string{}
					for n := int32(1); n < k.versions.count.Load(); n++ {
						names = append(names, fmt.Sprint(n))
					}
					return append(names, FactoryVersion)
				},
			}},
			Run: func(_ context.Context, call control.Call) (control.Result, error) {
				s := of(k, call.Caller)
				err := s.Load(call.Args.Get("version"))
				return waiting(s), err
			},
		},
	}
}

// offering are the commands of files that somebody brings.
func offering(k *Keeper) []control.Command {
	found := &atomic.Pointer[[]Offer]{} // by the last config usb, whoever's
	return []control.Command{
		{
			Name: "config usb", Help: "Look for configurations on USB sticks and other removable media", Role: control.Admin, Reads: true,
			Run: func(context.Context, control.Call) (control.Result, error) {
				all, err := k.Offers()
				found.Store(&all)
				return control.Result{Text: offered(all), Data: all}, err
			},
		},
		{
			Name: "config load", Help: "Make your candidate a file's configuration; commit it to have it run", Role: control.Admin,
			Args: []control.Arg{
				{
					Name: "file", Kind: control.Word, Help: "Path of the file on the box, as config usb tells it", Optional: true,
					Values: func(*status.Snapshot, control.Args) []string { return valid(found.Load()) }, // no disk is read for a completion
				},
				{Name: "version", Kind: control.Word, Help: "Refuse if what runs is not this version any more", Optional: true},
				{Name: "document", Kind: control.Document, Help: "The file's text, instead of its name; secrets that are masked stay what they are", Optional: true, Secret: true},
			},
			Run: func(_ context.Context, call control.Call) (control.Result, error) { return loadCandidate(k, call) },
		},
	}
}

// loadCandidate makes the candidate of who calls a file's, or a document's.
func loadCandidate(k *Keeper, call control.Call) (control.Result, error) {
	s, file, doc := of(k, call.Caller), call.Args.Get("file"), call.Args.Get("document")
	var err error
	switch version := call.Args.Get("version"); {
	case (file == "") == (doc == ""):
		return control.Result{}, control.Errorf(control.Usage, "say what to load: a file, or a document")
	case file != "":
		err = s.LoadFile(file, version)
	default:
		err = s.LoadDocument(doc, version)
	}
	return waiting(s), err
}

// valid are the files of those that can be taken.
func valid(all *[]Offer) (paths []string) {
	if all == nil {
		return nil
	}
	for _, o := range *all {
		if o.Valid {
			paths = append(paths, o.Path)
		}
	}
	return paths
}

// offered tells of the configurations on removable media.
func offered(all []Offer) string {
	var lines []string
	for _, o := range all {
		switch {
		case !o.Valid:
			lines = append(append(lines, o.Path+" is not valid:"), o.Problems...)
		case len(o.Diff) == 0:
			lines = append(lines, o.Path+" is what runs")
		default:
			lines = append(append(lines, o.Path+" can be taken with: config load "+control.Quote(o.Path)), o.Diff...)
		}
	}
	return orElse(lines, "no "+OfferName+" on any medium below /media, /run/media and /mnt")
}

// Refusal makes an error about the configuration one of a command; others stay.
func Refusal(err error) error {
	var many config.Errors
	var one *config.Error
	var file fileError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &many):
		e := control.Errorf(control.Usage, "the configuration is not valid; nothing was changed")
		for _, p := range many {
			e.Problems = append(e.Problems, p.Error())
		}
		if len(e.Problems) == 1 {
			e.Message, e.Problems = e.Message+": "+e.Problems[0], nil
		}
		return e
	case errors.As(err, &one):
		return control.Errorf(control.Usage, "%s", one)
	case errors.Is(err, ErrPending):
		return &control.Error{Code: control.Conflict, Message: err.Error(), Hint: "config confirm, or config revert"}
	case errors.Is(err, ErrChanged):
		return &control.Error{Code: control.Conflict, Message: err.Error(), Hint: "config diff, then config discard"}
	case errors.Is(err, ErrNotPending), errors.Is(err, ErrStale), errors.Is(err, config.ErrChanged):
		return control.Errorf(control.Conflict, "%v", err)
	case errors.Is(err, ErrNoVersion):
		return &control.Error{Code: control.NotFound, Message: err.Error(), Hint: "config versions"}
	case errors.As(err, &file):
		return control.Errorf(control.Usage, "%v", err)
	}
	return err
}
