package commit

import (
	"context"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
)

// Editor is a Session as a surface has it that talks with a person in texts, such as a
// console. Errors are those of commands.
type Editor struct {
	session *Session
	by      string
}

// Edit begins a candidate for somebody, apart from the one that Keeper.Session keeps.
func (k *Keeper) Edit(caller control.Caller) *Editor { return &Editor{k.NewSession(), by(caller)} }

// Set is Session.Set.
func (e *Editor) Set(path, value string) error { return Refusal(e.session.Set(path, value)) }

// Delete is Session.Delete.
func (e *Editor) Delete(path string) error { return Refusal(e.session.Delete(path)) }

// Show is Session.Show, as TOML.
func (e *Editor) Show(path string) (string, error) {
	shown, err := e.session.Show(path)
	return shown.TOML, Refusal(err)
}

// Diff is Session.Diff.
func (e *Editor) Diff() []string { return e.session.Diff() }

// Validate is Session.Validate.
func (e *Editor) Validate() error { return Refusal(e.session.Validate()) }

// Complete is Session.Complete.
func (e *Editor) Complete(typed string) []config.Completion { return e.session.Complete(typed) }

// Commit is Session.Commit, and tells what it did.
func (e *Editor) Commit(ctx context.Context) (string, error) {
	done, err := e.session.Commit(ctx, e.by)
	return result(done, "saved: ").Text, Refusal(err)
}

// CommitConfirmed is Session.CommitConfirmed, and tells what it did.
func (e *Editor) CommitConfirmed(ctx context.Context, within time.Duration) (string, error) {
	done, err := e.session.CommitConfirmed(ctx, e.by, within)
	return result(done, "running: ").Text, Refusal(err)
}

// Confirm is Keeper.Confirm, and tells what it did.
func (e *Editor) Confirm(context.Context) (string, error) {
	done, err := e.session.k.Confirm(e.by)
	return result(done, "saved: ").Text, Refusal(err)
}

// Load is Session.Load.
func (e *Editor) Load(version string) error { return Refusal(e.session.Load(version)) }

// Discard is Session.Discard.
func (e *Editor) Discard() { e.session.Discard() }

// ChangeConfirmed is Try for a program that sets paths to values for somebody, as
// config.Draft.Assign does. Errors are those of commands.
func (k *Keeper) ChangeConfirmed(ctx context.Context, caller control.Caller, values map[string]string, within time.Duration) error {
	_, err := k.Try(ctx, Change{By: by(caller), Next: k.Assigned(values)}, within)
	return Refusal(err)
}
