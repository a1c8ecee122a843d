package network

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/network/modem"
	"github.com/encoderbox/encoderbox/device/status"
)

const mobileDoc = "[network]\nmanage = true\n[network.interfaces.wwan0]\napn = \"internet\"\n"

func bearer(name string) *modem.Bearer {
	return &modem.Bearer{
		Interface: name,
		V4: modem.IP{
			Method: modem.Static, Address: netip.MustParsePrefix("10.64.3.2/30"), Gateway: netip.MustParseAddr("10.64.3.1"),
			DNS: []netip.Addr{netip.MustParseAddr("10.64.0.1")}, MTU: 1430,
		},
		V6: modem.IP{Method: modem.DHCP, Address: netip.MustParsePrefix("fe80::2/64")},
	}
}

func TestFilesOfAModem(t *testing.T) {
	c := parse(t, mobileDoc)
	idle := modemFiles(c, nil)
	require.Len(t, idle, 1)
	require.Equal(t, prefix+"wwan0.network", idle[0].Name)
	require.Contains(t, idle[0].Text, "Name=wwan0\n")
	require.Contains(t, idle[0].Text, "ActivationPolicy=down\n")

	up := modemFiles(c, map[string]modem.Report{"wwan0": {Interface: "wwp0s20u6", Bearer: bearer("wwp0s20u6")}})
	require.Equal(t, head+`
[Match]
Name=wwp0s20u6

[Link]
RequiredForOnline=no
MTUBytes=1430
ActivationPolicy=up

[Network]
IgnoreCarrierLoss=5s
DHCP=no
LinkLocalAddressing=no
IPv6AcceptRA=yes
DNS=10.64.0.1

[Address]
Address=10.64.3.2/30
DuplicateAddressDetection=none

[Route]
Destination=0.0.0.0/0
Gateway=10.64.3.1
GatewayOnLink=yes
Metric=4096

[Address]
Address=fe80::2/64
DuplicateAddressDetection=none

[DHCPv4]
ClientIdentifier=mac
RouteMetric=4096

[IPv6AcceptRA]
RouteMetric=4096
`, up[0].Text)

	require.Empty(t, modemFiles(parse(t, mobileDoc+"method = \"off\"\n"), nil), "off is as with any interface")
	require.Empty(t, modemFiles(parse(t, strings.Replace(mobileDoc, "true", "false", 1)), nil))
}

func TestAModemByDHCPWithSettingsOfItsOwn(t *testing.T) {
	c := parse(t, mobileDoc+"metric = 10\nmtu = 1300\ndns = \"9.9.9.9\"\n")
	b := &modem.Bearer{Interface: "wwan0", V4: modem.IP{Method: modem.DHCP, MTU: 1500}}
	text := modemFiles(c, map[string]modem.Report{"wwan0": {Interface: "wwan0", Bearer: b}})[0].Text
	for _, line := range []string{"DHCP=ipv4", "IPv6AcceptRA=no", "MTUBytes=1300", "DNS=9.9.9.9", "UseDNS=no", "RouteMetric=10"} {
		require.Contains(t, text, line+"\n")
	}
	require.NotContains(t, text, "[Address]")
}

// The file of a modem takes the place of the one that an interface with a cable would have.
func TestTheBackendTakesAModemsFile(t *testing.T) {
	r := newBackend(t)
	c := parse(t, mobileDoc)
	_, err := r.apply(t.Context(), c, modemFiles(c, nil)...)
	require.NoError(t, err)
	doc, err := os.ReadFile(filepath.Join(r.folder, prefix+"wwan0.network"))
	require.NoError(t, err)
	require.Equal(t, idleText("wwan0"), string(doc))
}

// systemd-networkd does what the file of a bearer says; a cable stands for the modem.
func TestSystemdNetworkdTakesABearersFile(t *testing.T) {
	r := newNetworkd(t)
	c := parse(t, strings.Replace(mobileDoc, "wwan0", "eth0", 1))
	b := bearer("eth0")
	b.V4.Gateway = netip.MustParseAddr("10.99.0.1") // not in the address's net, as some networks have it
	files := modemFiles(c, map[string]modem.Report{"eth0": {Interface: "eth0", Bearer: b}})
	require.NoError(t, os.WriteFile(filepath.Join(r.folder, "05-bearer.network"), []byte(files[0].Text), 0o644))
	require.NoError(t, r.run(t.Context(), "networkctl", "reload"))
	r.until("the bearer's address", has("eth0", "10.64.3.2/30"))
	r.until("its gateway and MTU", func(s *status.Snapshot) bool {
		for _, i := range s.Network {
			if i.Name == "eth0" {
				return i.Gateway == "10.99.0.1" && i.MTU == 1430
			}
		}
		return false
	})
	require.NoError(t, os.WriteFile(filepath.Join(r.folder, "05-bearer.network"), []byte(idleText("eth0")), 0o644))
	require.NoError(t, r.run(t.Context(), "networkctl", "reload"))
	r.until("down again", state("eth0", stateOff))
}

func TestWhatAModemSaysIsShown(t *testing.T) {
	all := []status.NetworkInterface{{Name: "eth0", State: stateUp}, {Name: "wwan0", State: stateOff}}
	showModems(all, map[string]modem.Report{"wwan0": {Interface: "wwan0", Modem: &status.Modem{State: "searching"}}})
	require.Nil(t, all[0].Modem)
	require.Equal(t, "searching", all[1].Modem.State)
	require.Equal(t, stateNoAddress, all[1].State)

	holds := verdict{}
	codes := addProblems(holds, map[string]modem.Report{"wwan0": {Problem: &modem.Problem{Code: "network.modem_sim", Severity: status.Error, Message: "no SIM"}}})
	require.Equal(t, "wwan0: no SIM", holds["network.modem_sim"].Message)
	require.Contains(t, codes, "network.modem_sim", "else it is never cleared")
	now := time.Now()
	require.NotContains(t, history{}.judge(parse(t, mobileDoc), nil, nil, now), conditionMissing, "a modem has conditions of its own")
}

func TestModemCommands(t *testing.T) {
	table, change := newTable(t, mobileDoc)
	do := func(command string, args map[string]string) (control.Result, error) {
		return table.Do(t.Context(), admin(), control.Request{Command: command, Args: args})
	}
	r, err := do("network modem apn", map[string]string{"interface": "wwan1", "apn": "m2m", "user": "u", "password": "geheim"})
	require.NoError(t, err)
	require.Contains(t, r.Text, "Now wwan1 connects to m2m.")
	at := "network.interfaces.wwan1."
	require.Equal(t, map[string]string{at + "method": "dhcp", at + "address": "", at + "gateway": "", at + "apn": "m2m", at + "apn_user": "u", at + "apn_password": "geheim"}, change.patch)
	require.NotContains(t, r.Data.(map[string]any)["changes"], "geheim")
	require.Equal(t, config.Mask, r.Data.(map[string]any)["changes"].(map[string]string)[at+"apn_password"])

	r, err = do("network modem pin", map[string]string{"interface": "wwan0", "pin": "0420"})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"network.interfaces.wwan0.pin": "0420"}, change.patch)
	require.Equal(t, map[string]string{"network.interfaces.wwan0.pin": config.Mask}, r.Data.(map[string]any)["changes"])

	_, err = do("network modem pin", map[string]string{"interface": "wwan0", "pin": "04a0"})
	require.ErrorContains(t, err, "pin: not a SIM's PIN")
	_, err = do("network modem pin", map[string]string{"interface": "wwan1", "pin": "0420"})
	require.ErrorContains(t, err, `wwan1 is no modem's interface yet: give it its access point name at first`)
	_, err = do("network modem apn", map[string]string{"interface": "wwan0", "apn": "-b"})
	require.ErrorContains(t, err, "apn: got")

	r, err = do("network modem show", nil)
	require.NoError(t, err)
	require.Equal(t, "No mobile modem is there, and wwan0 is configured: the conditions say why", r.Text)
}

func TestModemShow(t *testing.T) {
	store := status.NewStore("v")
	store.SetNetwork([]status.NetworkInterface{{Name: "eth0"}, {Name: "wwan0", Modem: &status.Modem{
		Model: "Quectel EM05-G", State: "connected", Operator: "Telefunk", Technology: "LTE", Signal: 71,
	}}})
	table := control.New(store, nil, Commands(store, &changer{running: &config.Config{}})...)
	r, err := table.Do(t.Context(), admin(), control.Request{Command: "network modem show"})
	require.NoError(t, err)
	require.Equal(t, `INTERFACE  STATE      OPERATOR  TECHNOLOGY  SIGNAL  ROAMING  MODEM
wwan0      connected  Telefunk  LTE         71 %    no       Quectel EM05-G`, r.Text)
}
