package modem

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// Names of ModemManager on D-Bus.
const (
	service      = "org.freedesktop.ModemManager1"
	root         = dbus.ObjectPath("/org/freedesktop/ModemManager1")
	modemIface   = service + ".Modem"
	gsmIface     = service + ".Modem.Modem3gpp"
	simpleIface  = service + ".Modem.Simple"
	simIface     = service + ".Sim"
	bearerIface  = service + ".Bearer"
	objects      = "org.freedesktop.DBus.ObjectManager.GetManagedObjects"
	properties   = "org.freedesktop.DBus.Properties.GetAll"
	noObject     = dbus.ObjectPath("/")
	errorPrefix  = service + ".Error."
	wrongPIN     = errorPrefix + "MobileEquipment.IncorrectPassword"
	unauthorized = errorPrefix + "Core.Unauthorized"
)

// How long a call may take. A network lets a modem wait long that wants to connect.
const (
	callTime    = 30 * time.Second
	enableTime  = 2 * time.Minute
	connectTime = 4 * time.Minute
)

// bus are the calls to ModemManager.
type bus struct{ conn *dbus.Conn }

// listen has a token sent for whatever ModemManager says of its objects, and whenever it
// comes or goes.
func listen(ctx context.Context, conn *dbus.Conn) (*bus, <-chan *dbus.Signal, error) {
	signals := make(chan *dbus.Signal, 64)
	conn.Signal(signals)
	err := conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(service))
	if err == nil {
		err = conn.AddMatchSignalContext(ctx, dbus.WithMatchInterface("org.freedesktop.DBus"),
			dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, service))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("modems: listen to ModemManager: %w", err)
	}
	return &bus{conn}, signals, nil
}

// call calls a method of ModemManager, and stores its results into into.
func (b *bus) call(ctx context.Context, within time.Duration, path dbus.ObjectPath, method string, args []any, into ...any) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return b.conn.Object(service, path).CallWithContext(ctx, method, 0, args...).Store(into...)
}

// values are properties of an object.
type values = map[string]dbus.Variant

// as is a property, the zero value where there is none of that type.
func as[T any](v values, key string) (value T) {
	if variant, ok := v[key]; ok {
		_ = variant.Store(&value) // of another type: as if it were not there
	}
	return value
}

// all are an object's properties of an interface.
func (b *bus) all(ctx context.Context, path dbus.ObjectPath, iface string) (v values, err error) {
	err = b.call(ctx, callTime, path, properties, []any{iface}, &v)
	return v, err
}

// device is a modem as ModemManager has it.
type device struct {
	path   dbus.ObjectPath
	values values // of the modem
	gsm    values // of its registration in a network
}

// devices are the modems, by path.
func (b *bus) devices(ctx context.Context) (all []device, err error) {
	var found map[dbus.ObjectPath]map[string]values
	if err := b.call(ctx, callTime, root, objects, nil, &found); err != nil {
		return nil, err
	}
	for path, interfaces := range found {
		if v, ok := interfaces[modemIface]; ok {
			all = append(all, device{path, v, interfaces[gsmIface]})
		}
	}
	slices.SortFunc(all, func(a, b device) int { return strings.Compare(string(a.path), string(b.path)) })
	return all, nil
}

func (d device) state() state { return state(as[int32](d.values, "State")) }

// portNet is the type of a port that is a network interface (MMModemPortType).
const portNet = 2

// ports are the interfaces of its data ports.
func (d device) ports() (names []string) {
	type port struct {
		Name string
		Type uint32
	}
	for _, p := range as[[]port](d.values, "Ports") {
		if p.Type == portNet {
			names = append(names, p.Name)
		}
	}
	return names
}

// first is the interface that stands for whichever modem there is, where there is but one.
const first = "wwan0"

// of is the modem of an interface: the one with that data port, or for the first the only
// one, whatever udev named its port. mine says that a port is another's.
func of(all []device, name string, others func(port string) bool) (device, error) {
	for _, d := range all {
		if slices.Contains(d.ports(), name) {
			return d, nil
		}
	}
	if name == first && len(all) == 1 && !slices.ContainsFunc(all[0].ports(), others) {
		return all[0], nil
	}
	var have []string
	for _, d := range all {
		have = append(have, d.ports()...)
	}
	if len(have) == 0 {
		return device{}, errors.New("ModemManager knows no modem")
	}
	return device{}, fmt.Errorf("ModemManager knows only %s", strings.Join(have, ", "))
}

// words are what an error says to people, and its name on the bus, "" without one.
func words(err error) (text, name string) {
	var e dbus.Error
	_ = errors.As(err, &e) // else it has no name
	return strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), errorPrefix, "")), " "), e.Name
}

// forbidden says that the bus or polkit refused the call.
func forbidden(name, text string) bool {
	return name == "org.freedesktop.DBus.Error.AccessDenied" ||
		name == unauthorized && !strings.Contains(strings.ToLower(text), "roam") // which has that name, too
}
