package network

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
)

// recorder is a Runner that remembers what it was to run.
type recorder struct {
	ran  []string
	fail map[string]error
}

func (r *recorder) run(_ context.Context, program string, args ...string) error {
	line := program + " " + strings.Join(args, " ")
	r.ran = append(r.ran, line)
	return r.fail[line]
}

// took are the lines since the last call.
func (r *recorder) took() []string {
	ran := r.ran
	r.ran = nil
	return ran
}

const (
	dhcp   = "[network]\nmanage = true\n[network.interfaces.eth0]\n"
	static = dhcp + "method = \"static\"\naddress = \"10.0.0.2/24\"\n"
	vlan   = dhcp + "[network.interfaces.cameras]\nparent = \"eth0\"\nvlan = 20\n"
	reload = "networkctl reload"

	restart = "systemctl --no-ask-password restart systemd-networkd.service"
)

type backendRig struct {
	*backend
	*recorder
	t *testing.T
}

func newBackend(t *testing.T) backendRig {
	r := &recorder{fail: map[string]error{}}
	return backendRig{&backend{folder: filepath.Join(t.TempDir(), "network"), run: r.run}, r, t}
}

// restarted is the backend of a daemon that was started anew.
func (r backendRig) restarted() backendRig {
	return backendRig{&backend{folder: r.folder, run: r.recorder.run}, r.recorder, r.t}
}

func (r backendRig) applied(c config.Network) string {
	r.t.Helper()
	did, err := r.backend.apply(r.t.Context(), c)
	require.NoError(r.t, err)
	return did
}

func (r backendRig) names() []string {
	r.t.Helper()
	files, err := r.read()
	require.NoError(r.t, err)
	return slices.Sorted(maps.Keys(files))
}

func TestTheSameAgainDoesNothing(t *testing.T) {
	r := newBackend(t)
	require.Equal(t, "eth0.network added, ~wired.network added", r.applied(parse(t, static)))
	require.Equal(t, []string{reload}, r.took())
	before, err := os.Stat(filepath.Join(r.folder, prefix+"eth0.network"))
	require.NoError(t, err)
	require.EqualValues(t, 0o644, before.Mode().Perm(), "systemd-networkd is another user")

	require.Empty(t, r.applied(parse(t, static)))
	require.Empty(t, r.took())

	r = r.restarted()
	require.Empty(t, r.applied(parse(t, static)))
	require.Equal(t, []string{reload}, r.took(), "who knows whether the daemon before came so far")
	require.Empty(t, r.applied(parse(t, static)))
	require.Empty(t, r.took())
	after, err := os.Stat(filepath.Join(r.folder, prefix+"eth0.network"))
	require.NoError(t, err)
	require.Equal(t, before.ModTime(), after.ModTime())
}

func TestABoxThatIsNotManagedIsLeftAlone(t *testing.T) {
	r := newBackend(t)
	require.Empty(t, r.applied(parse(t, "")))
	require.Empty(t, r.took())
	require.NoDirExists(t, r.folder)
}

func TestFilesOfOthersStay(t *testing.T) {
	r := newBackend(t)
	require.NoError(t, os.MkdirAll(r.folder, 0o755))
	foreign := filepath.Join(r.folder, "10-eth0.network")
	require.NoError(t, os.WriteFile(foreign, []byte("theirs"), 0o644))
	r.applied(parse(t, static))
	require.Equal(t, "eth0.network removed, ~wired.network removed", r.applied(parse(t, "")))
	require.Equal(t, []string{reload, reload}, r.took())
	require.Empty(t, r.names())
	doc, err := os.ReadFile(foreign)
	require.NoError(t, err)
	require.Equal(t, "theirs", string(doc))
	entries, err := os.ReadDir(r.folder)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file stays")
}

// A change that runs but is not saved is gone when the daemon comes back with what is.
func TestARestartBringsBackWhatIsSaved(t *testing.T) {
	r := newBackend(t)
	r.applied(parse(t, static))
	r.applied(parse(t, vlan))
	require.Contains(t, r.names(), prefix+"cameras.netdev")
	r.took()
	r = r.restarted()
	r.applied(parse(t, static))
	require.Equal(t, []string{"networkctl delete cameras", reload}, r.took())
	require.Equal(t, []string{prefix + "eth0.network", others}, r.names())
}

func TestAVLANWithAnotherIDIsMadeAnew(t *testing.T) {
	r := newBackend(t)
	r.applied(parse(t, vlan))
	r.took()
	r.fail["networkctl delete cameras"] = errors.New(`networkctl delete cameras: exit status 1: Failed to resolve interface "cameras": No such device`)
	other := parse(t, strings.Replace(vlan, "20", "21", 1))
	r.fail[restart] = errors.New("systemctl: exit status 1: Access denied")
	_, err := r.backend.apply(t.Context(), other)
	require.ErrorContains(t, err, "Access denied; is systemd-networkd running, and may encoderd command it")
	require.Equal(t, []string{"networkctl delete cameras", restart}, r.took())
	delete(r.fail, restart)
	require.Empty(t, r.applied(other))
	require.Equal(t, []string{restart}, r.took())
}

// systemd-networkd remembers a VLAN that was taken away.
func TestAVLANThatComesBack(t *testing.T) {
	r := newBackend(t)
	r.applied(parse(t, vlan))
	r.applied(parse(t, dhcp))
	r.took()
	r.applied(parse(t, vlan))
	require.Equal(t, []string{reload}, r.took(), "the same again")
	r.applied(parse(t, dhcp))
	r.took()
	r.applied(parse(t, strings.Replace(vlan, "20", "21", 1)))
	require.Equal(t, []string{restart}, r.took())
}

func TestWhatFailedIsDoneAgain(t *testing.T) {
	r := newBackend(t)
	r.fail[reload] = errors.New("networkctl reload: exit status 1: not running")
	_, err := r.backend.apply(t.Context(), parse(t, static))
	require.ErrorContains(t, err, "network: have systemd-networkd read its files: networkctl reload: exit status 1: not running; is systemd-networkd running")
	delete(r.fail, reload)
	require.Empty(t, r.applied(parse(t, static)))
	require.Equal(t, []string{reload, reload}, r.took())

	r.fail[reload] = errors.New("again")
	_, err = r.backend.apply(t.Context(), parse(t, ""))
	require.Error(t, err)
	delete(r.fail, reload)
	r.took()
	r.applied(parse(t, ""))
	require.Equal(t, []string{reload}, r.took(), "also when there is nothing of ours left")
}

func TestAFolderThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	b := &backend{folder: filepath.Join(file, "network"), run: (&recorder{}).run}
	_, err := b.apply(t.Context(), parse(t, static))
	require.ErrorContains(t, err, file)
	require.ErrorContains(t, err, "let the user that encoderd runs as")
}

// named is hostname.apply where nothing waits.
func named(h *hostname, name string, saved bool) error {
	waits, err := h.apply(context.Background(), name, saved)
	if waits {
		return errors.New("the name waits")
	}
	return err
}

func TestHostname(t *testing.T) {
	name := "factory"
	r := &recorder{fail: map[string]error{}}
	fixed := false // by /etc/hostname
	h := &hostname{get: func() (string, error) { return name, nil }}
	h.run = func(ctx context.Context, program string, args ...string) error {
		if err := r.run(ctx, program, args...); err != nil {
			return err
		}
		if !fixed || !slices.Contains(args, "--transient") {
			name = args[len(args)-1]
		}
		return nil
	}
	require.NoError(t, named(h, "", true))
	require.Empty(t, r.took())
	require.NoError(t, named(h, "studio", true))
	require.Equal(t, []string{"hostnamectl --no-ask-password --transient set-hostname studio"}, r.took())
	require.NoError(t, named(h, "studio", true))
	require.Empty(t, r.took(), "the same again does nothing")
	require.NoError(t, named(h, "", true))
	require.Equal(t, "factory", name, "what it was before")
	r.took()

	fixed = true
	require.NoError(t, named(h, "studio", true))
	require.Equal(t, "studio", name)
	require.Len(t, r.took(), 2)
	r.fail["hostnamectl --no-ask-password --transient set-hostname other"] = errors.New("access denied")
	require.ErrorContains(t, named(h, "other", true), `network: name the box "other": access denied; is systemd-hostnamed there`)
}

// Where /etc/hostname has a name, a reboot or a revert before the change is confirmed
// finds the old one there.
func TestTheStaticHostnameWaitsForTheConfirmation(t *testing.T) {
	static := "factory"
	h := &hostname{get: func() (string, error) { return static, nil }}
	h.run = func(_ context.Context, _ string, args ...string) error {
		if !slices.Contains(args, "--transient") {
			static = args[len(args)-1]
		}
		return nil
	}
	waits, err := h.apply(t.Context(), "studio", false)
	require.NoError(t, err)
	require.True(t, waits)
	require.Equal(t, "factory", static)
	require.NoError(t, named(h, "", true), "it is reverted")
	require.Equal(t, "factory", static)

	_, err = h.apply(t.Context(), "studio", false)
	require.NoError(t, err)
	require.NoError(t, named(h, "studio", true), "it is confirmed")
	require.Equal(t, "studio", static)
	waits, err = h.apply(t.Context(), "", false)
	require.NoError(t, err)
	require.True(t, waits, "nor is it taken back before that is confirmed")
	require.Equal(t, "studio", static)
	require.NoError(t, named(h, "", true))
	require.Equal(t, "factory", static)
}

// A name that nobody confirmed goes also when the daemon was started anew meanwhile.
func TestAHostnameGoesBackOverARestartOfTheDaemon(t *testing.T) {
	name, memory := "Factory.lan", filepath.Join(t.TempDir(), "network", "memory")
	daemon := func() *hostname {
		return &hostname{
			memory: memory, get: func() (string, error) { return name, nil },
			run: func(_ context.Context, _ string, args ...string) error { name = args[len(args)-1]; return nil },
		}
	}
	require.NoError(t, named(daemon(), "studio", true))
	require.NoError(t, named(daemon(), "stage", true))
	require.NoError(t, named(daemon(), "", true))
	require.Equal(t, "Factory.lan", name)
	name = "by-hand"
	require.NoError(t, named(daemon(), "", true))
	require.Equal(t, "by-hand", name, "what others name it stays")
}

func TestExecTellsWhatAProgramSaid(t *testing.T) {
	require.NoError(t, Exec(t.Context(), "true"))
	err := Exec(t.Context(), "sh", "-c", "echo one; echo two >&2; exit 3")
	require.ErrorContains(t, err, "exit status 3: one two")
	require.ErrorIs(t, Exec(t.Context(), "no-such-program-here"), exec.ErrNotFound)
}
