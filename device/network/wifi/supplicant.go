package wifi

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/godbus/dbus/v5"
)

// Names of wpa_supplicant's interface on D-Bus.
const (
	service    = "fi.w1.wpa_supplicant1"
	device     = service + ".Interface"
	properties = "org.freedesktop.DBus.Properties"
	top        = dbus.ObjectPath("/fi/w1/wpa_supplicant1")
)

// supplicant is wpa_supplicant.
type supplicant struct{ conn *dbus.Conn }

// call calls a method, and stores what it returns.
func (w supplicant) call(ctx context.Context, path dbus.ObjectPath, method string, into []any, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	err := w.conn.Object(service, path).CallWithContext(ctx, method, 0, args...).Store(into...)
	if err != nil {
		return fmt.Errorf("wifi: %s of wpa_supplicant: %w", method[strings.LastIndexByte(method, '.')+1:], err)
	}
	return nil
}

func property[T any](ctx context.Context, w supplicant, path dbus.ObjectPath, of, key string) (value T, err error) {
	var v dbus.Variant
	if err := w.call(ctx, path, properties+".Get", []any{&v}, of, key); err != nil {
		return value, err
	}
	value, ok := v.Value().(T)
	if !ok {
		return value, fmt.Errorf("wifi: wpa_supplicant's %s is a %s: is it a version from 2.9 on?", key, v.Signature())
	}
	return value, nil
}

// runs says whether it does, without having it started.
func (w supplicant) runs(ctx context.Context) (yes bool) {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	err := w.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, service).Store(&yes)
	return err == nil && yes
}

// is says whether an error is one of wpa_supplicant's own.
func is(err error, name string) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == service+"."+name
}

// get is an interface by its name; made says that wpa_supplicant did not have it before.
func (w supplicant) get(ctx context.Context, name string) (path dbus.ObjectPath, made bool, err error) {
	err = w.call(ctx, top, service+".GetInterface", []any{&path}, name)
	if is(err, "InterfaceUnknown") {
		args := map[string]dbus.Variant{"Ifname": dbus.MakeVariant(name), "Driver": dbus.MakeVariant("nl80211")}
		err = w.call(ctx, top, service+".CreateInterface", []any{&path}, args)
		made = err == nil
	}
	if err != nil {
		return "", false, fmt.Errorf("%w; is wpa_supplicant installed, and may encoderd command it (docs/network.md)?", err)
	}
	return path, made, nil
}

// drop takes an interface from it.
func (w supplicant) drop(ctx context.Context, path dbus.ObjectPath) error {
	return w.call(ctx, top, service+".RemoveInterface", nil, path)
}

// interfaces are those it has, by name.
func (w supplicant) interfaces(ctx context.Context) (map[string]dbus.ObjectPath, error) {
	paths, err := property[[]dbus.ObjectPath](ctx, w, top, service, "Interfaces")
	all := map[string]dbus.ObjectPath{}
	for _, path := range paths {
		if name, err := w.name(ctx, path); err == nil {
			all[name] = path
		}
	}
	return all, err
}

func (w supplicant) name(ctx context.Context, path dbus.ObjectPath) (string, error) {
	return property[string](ctx, w, path, device, "Ifname")
}

func (w supplicant) state(ctx context.Context, path dbus.ObjectPath) (string, error) {
	return property[string](ctx, w, path, device, "State")
}

// setCountry tells the country, unless it is known or none.
func (w supplicant) setCountry(ctx context.Context, path dbus.ObjectPath, country string) error {
	if country == "" {
		return nil
	}
	if now, err := property[string](ctx, w, path, device, "Country"); err == nil && now == country {
		return nil
	}
	return w.call(ctx, path, properties+".Set", nil, device, "Country", dbus.MakeVariant(country))
}

// leave removes networks of ours but the one with the mark.
func (w supplicant) leave(ctx context.Context, path dbus.ObjectPath, mark string) error {
	ours, err := w.ours(ctx, path)
	for at, has := range ours {
		if has != mark {
			err = errors.Join(err, w.call(ctx, path, device+".RemoveNetwork", nil, at))
		}
	}
	return err
}

// ours are the marks of our networks.
func (w supplicant) ours(ctx context.Context, path dbus.ObjectPath) (map[dbus.ObjectPath]string, error) {
	paths, err := property[[]dbus.ObjectPath](ctx, w, path, device, "Networks")
	all := map[dbus.ObjectPath]string{}
	for _, at := range paths {
		p, err := property[map[string]dbus.Variant](ctx, w, at, service+".Network", "Properties")
		if mark := unquoted(get[string](p, "id_str")); err == nil && strings.HasPrefix(mark, marked) {
			all[at] = mark
		}
	}
	return all, err
}

// join has an interface join a network, which it may have already, and no other.
func (w supplicant) join(ctx context.Context, path dbus.ObjectPath, want Station) error {
	ours, err := w.ours(ctx, path)
	if err != nil {
		return err
	}
	for at, mark := range ours {
		if on, err := property[bool](ctx, w, at, service+".Network", "Enabled"); mark == want.mark() && err == nil {
			if on {
				return nil
			}
			return w.call(ctx, path, device+".SelectNetwork", nil, at)
		}
	}
	var at dbus.ObjectPath
	err = w.call(ctx, path, device+".AddNetwork", []any{&at}, settings(want, true))
	if is(err, "InvalidArgs") { // one that was built without WPA3
		err = w.call(ctx, path, device+".AddNetwork", []any{&at}, settings(want, false))
	}
	if err != nil {
		return err
	}
	return w.call(ctx, path, device+".SelectNetwork", nil, at)
}

// settings are a network's, of wpa_supplicant.conf.
func settings(s Station, wpa3 bool) map[string]dbus.Variant {
	p := map[string]dbus.Variant{
		"ssid":   dbus.MakeVariant([]byte(s.SSID)),
		"id_str": dbus.MakeVariant(s.mark()),
	}
	if s.Hidden {
		p["scan_ssid"] = dbus.MakeVariant(int32(1))
	}
	secret := s.Passphrase.Reveal()
	key, err := hex.DecodeString(secret)
	switch raw := err == nil && len(key) == 32; {
	case secret == "":
		p["key_mgmt"] = dbus.MakeVariant("NONE")
		return p
	case raw: // made of the passphrase already, which WPA3 would need itself
		p["psk"], wpa3 = dbus.MakeVariant(key), false
	default:
		p["psk"] = dbus.MakeVariant(secret)
	}
	p["key_mgmt"] = dbus.MakeVariant("WPA-PSK")
	if wpa3 {
		p["key_mgmt"] = dbus.MakeVariant("WPA-PSK SAE")
		p["ieee80211w"] = dbus.MakeVariant(int32(1)) // protected management frames, where the other side can
	}
	return p
}

// scan begins to scan; one that goes on already is as good.
func (w supplicant) scan(ctx context.Context, path dbus.ObjectPath) error {
	err := w.call(ctx, path, device+".Scan", nil, map[string]dbus.Variant{"Type": dbus.MakeVariant("active")})
	if is(err, "Interface.ScanError") {
		if busy, asked := property[bool](ctx, w, path, device, "Scanning"); asked == nil && busy {
			return nil
		}
	}
	return err
}

// networks are those that the last scan found.
func (w supplicant) networks(ctx context.Context, path dbus.ObjectPath) ([]Network, error) {
	paths, err := property[[]dbus.ObjectPath](ctx, w, path, device, "BSSs")
	if err != nil {
		return nil, err
	}
	var all []Network
	for _, at := range paths {
		n, age, err := w.bss(ctx, at)
		if err == nil && age <= stale { // else it is gone
			all = append(all, n)
		}
	}
	return merged(all), nil
}

// stale is for how many seconds an access point was not heard that wpa_supplicant still
// remembers, for a minute or more.
const stale = 10

// bss is an access point, and how many seconds ago it was heard.
func (w supplicant) bss(ctx context.Context, path dbus.ObjectPath) (n Network, age uint32, err error) {
	var p map[string]dbus.Variant
	err = w.call(ctx, path, properties+".GetAll", []any{&p}, service+".BSS")
	return network(p), get[uint32](p, "Age"), err
}

// air is what an interface is connected to, and how fast; what is not told is zero.
func (w supplicant) air(ctx context.Context, path dbus.ObjectPath) (on Network, rate int) {
	at, err := property[dbus.ObjectPath](ctx, w, path, device, "CurrentBSS")
	if err == nil && at != "/" {
		on, _, _ = w.bss(ctx, at)
	}
	var v dbus.Variant
	if w.call(ctx, path, device+".SignalPoll", []any{&v}) != nil {
		return on, 0
	}
	now, _ := v.Value().(map[string]dbus.Variant)
	if signal := get[int32](now, "RSSI"); signal < 0 {
		on.Signal = int(signal)
	}
	return on, int(get[int32](now, "LinkSpeed"))
}
