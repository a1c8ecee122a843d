package wifi

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const busConfig = `<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/></policy></busconfig>`

// bus is a D-Bus of the test's own, and how to connect to it.
func bus(t *testing.T) func(context.Context) (*dbus.Conn, error) {
	t.Helper()
	dir := t.TempDir()
	socket, conf := filepath.Join(dir, "bus"), filepath.Join(dir, "conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, busConfig, socket), 0o600))
	cmd := exec.Command("dbus-daemon", "--config-file="+conf, "--nofork", "--nopidfile", "--nosyslog")
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	connect := func(ctx context.Context) (*dbus.Conn, error) {
		return dbus.Connect("unix:path="+socket, dbus.WithContext(ctx), dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	}
	require.Eventually(t, func() bool {
		conn, err := connect(t.Context())
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 10*time.Second, 5*time.Millisecond)
	return connect
}

// fake is a wpa_supplicant with the radio wlan0, or none, as its D-Bus interface says.
type fake struct {
	t    *testing.T
	conn *dbus.Conn

	mu      sync.Mutex // guards the fields below
	there   bool       // wlan0 was given to it
	objects map[dbus.ObjectPath]map[string]dbus.Variant
	calls   []string
	next    int
	wpa3    bool
}

const radio = dbus.ObjectPath("/fi/w1/wpa_supplicant1/Interfaces/0")

func newFake(t *testing.T, connect func(context.Context) (*dbus.Conn, error)) *fake {
	t.Helper()
	conn, err := connect(context.Background())
	require.NoError(t, err)
	f := &fake{t: t, conn: conn, wpa3: true, objects: map[dbus.ObjectPath]map[string]dbus.Variant{
		top: {"Interfaces": dbus.MakeVariant([]dbus.ObjectPath{})},
	}}
	f.offer(top, service, rootObject{f})
	reply, err := conn.RequestName(service, dbus.NameFlagDoNotQueue)
	require.NoError(t, err)
	require.Equal(t, dbus.RequestNameReplyPrimaryOwner, reply)
	t.Cleanup(f.end)
	return f
}

// end has it crash.
func (f *fake) end() { f.conn.Close() }

// offer puts an object on the bus, with its properties.
func (f *fake) offer(path dbus.ObjectPath, name string, methods any) {
	require.NoError(f.t, f.conn.Export(methods, path, name))
	require.NoError(f.t, f.conn.Export(propertiesOf{f, path}, path, properties))
}

// called are the calls that change something, since it was last asked.
func (f *fake) called() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

func (f *fake) set(path dbus.ObjectPath, key string, value any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.objects[path] == nil {
		f.objects[path] = map[string]dbus.Variant{}
	}
	f.objects[path][key] = dbus.MakeVariant(value)
}

// says sets properties of the radio, and tells.
func (f *fake) says(changed map[string]any) {
	told := map[string]dbus.Variant{}
	for key, value := range changed {
		f.set(radio, key, value)
		told[key] = dbus.MakeVariant(value)
	}
	require.NoError(f.t, f.conn.Emit(radio, properties+".PropertiesChanged", device, told, []string{}))
}

func (f *fake) state(states ...string) {
	for _, s := range states {
		f.says(map[string]any{"State": s})
	}
}

// onAir puts access points on the air, by number.
func (f *fake) onAir(all ...map[string]dbus.Variant) {
	paths := []dbus.ObjectPath{}
	for n, p := range all {
		path := dbus.ObjectPath(fmt.Sprintf("%s/BSSs/%d", radio, n))
		f.offer(path, service+".BSS", struct{}{})
		f.mu.Lock()
		f.objects[path] = p
		f.mu.Unlock()
		paths = append(paths, path)
	}
	f.set(radio, "BSSs", paths)
}

func (f *fake) scanDone() { require.NoError(f.t, f.conn.Emit(radio, device+".ScanDone", true)) }

// network is what one of ours was added with.
func (f *fake) network(n int) map[string]dbus.Variant {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, _ := f.objects[networkPath(n)]["Properties"].Value().(map[string]dbus.Variant)
	return p
}

func networkPath(n int) dbus.ObjectPath {
	return dbus.ObjectPath(fmt.Sprintf("%s/Networks/%d", radio, n))
}

func refusal(name string) *dbus.Error { return dbus.NewError(service+"."+name, []any{"no"}) }

type propertiesOf struct {
	f    *fake
	path dbus.ObjectPath
}

func (p propertiesOf) Get(_, key string) (dbus.Variant, *dbus.Error) {
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	v, ok := p.f.objects[p.path][key]
	if !ok {
		return v, dbus.NewError("org.freedesktop.DBus.Error.InvalidArgs", []any{"no property " + key})
	}
	return v, nil
}

func (p propertiesOf) GetAll(string) (map[string]dbus.Variant, *dbus.Error) {
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	return p.f.objects[p.path], nil
}

func (p propertiesOf) Set(_, key string, v dbus.Variant) *dbus.Error {
	p.f.set(p.path, key, v.Value())
	p.f.did("set %s %v", key, v.Value())
	return nil
}

func (f *fake) did(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

type rootObject struct{ *fake }

func (r rootObject) GetInterface(name string) (dbus.ObjectPath, *dbus.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.there || name != "wlan0" {
		return "/", refusal("InterfaceUnknown")
	}
	return radio, nil
}

func (r rootObject) CreateInterface(args map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
	if args["Ifname"].Value() != "wlan0" {
		return "/", refusal("UnknownError")
	}
	r.did("create wlan0")
	r.give()
	return radio, nil
}

// give has it have wlan0.
func (f *fake) give() {
	f.offer(radio, device, radioObject{f})
	f.set(top, "Interfaces", []dbus.ObjectPath{radio})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.there = true
	if f.objects[radio] == nil {
		f.objects[radio] = map[string]dbus.Variant{}
	}
	for key, value := range map[string]any{
		"Ifname": "wlan0", "State": "disconnected", "Networks": []dbus.ObjectPath{}, "BSSs": []dbus.ObjectPath{},
		"Country": "00", "CurrentBSS": dbus.ObjectPath("/"), "Scanning": false,
	} {
		if _, ok := f.objects[radio][key]; !ok {
			f.objects[radio][key] = dbus.MakeVariant(value)
		}
	}
}

func (r rootObject) RemoveInterface(dbus.ObjectPath) *dbus.Error {
	r.did("remove wlan0")
	r.set(top, "Interfaces", []dbus.ObjectPath{})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.there = false
	return nil
}

type radioObject struct{ *fake }

func (r radioObject) AddNetwork(p map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
	if method, _ := p["key_mgmt"].Value().(string); strings.Contains(method, "SAE") && !r.wpa3 {
		return "/", refusal("InvalidArgs")
	}
	r.mu.Lock()
	path := networkPath(r.next)
	r.next++
	was, _ := r.objects[radio]["Networks"].Value().([]dbus.ObjectPath)
	r.mu.Unlock()
	r.did("add %s", p["ssid"].Value())
	p["id_str"] = dbus.MakeVariant(fmt.Sprintf("%q", p["id_str"].Value())) // as wpa_supplicant gives it back
	r.offer(path, service+".Network", struct{}{})
	r.set(path, "Properties", p)
	r.set(path, "Enabled", false)
	r.set(radio, "Networks", append(was, path))
	return path, nil
}

func (r radioObject) SelectNetwork(path dbus.ObjectPath) *dbus.Error {
	r.set(path, "Enabled", true)
	r.did("select %s", path[len(path)-1:])
	return nil
}

func (r radioObject) RemoveNetwork(path dbus.ObjectPath) *dbus.Error {
	r.did("leave %s", path[len(path)-1:])
	r.mu.Lock()
	was, _ := r.objects[radio]["Networks"].Value().([]dbus.ObjectPath)
	r.mu.Unlock()
	left := []dbus.ObjectPath{}
	for _, p := range was {
		if p != path {
			left = append(left, p)
		}
	}
	r.set(radio, "Networks", left)
	return nil
}

func (r radioObject) Scan(map[string]dbus.Variant) *dbus.Error {
	r.did("scan")
	return nil
}

func (r radioObject) SignalPoll() (dbus.Variant, *dbus.Error) {
	return dbus.MakeVariant(map[string]dbus.Variant{"RSSI": dbus.MakeVariant(int32(-48)), "LinkSpeed": dbus.MakeVariant(int32(144))}), nil
}

// newRadio is a Radio that runs until the test ends.
func newRadio(t *testing.T, connect func(context.Context) (*dbus.Conn, error)) *Radio {
	t.Helper()
	r := New(Options{Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Connect: connect})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = r.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return r
}
