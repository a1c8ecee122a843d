package modem

import (
	"fmt"
	"slices"
	"strings"

	"github.com/encoderbox/encoderbox/device/status"
)

// Codes of the conditions of modems.
const (
	conditionPIN          = "network.modem_pin"          // an error: the SIM is locked
	conditionSIM          = "network.modem_sim"          // an error: there is no SIM that can be used
	conditionMissing      = "network.modem_missing"      // an error: there is no modem that can be used
	conditionRegistration = "network.modem_registration" // an error: no network takes the modem
	conditionConnect      = "network.modem_connect"      // an error: the network refuses the connection
)

// Codes are those of the conditions of modems.
func Codes() []string {
	return []string{conditionPIN, conditionSIM, conditionMissing, conditionRegistration, conditionConnect}
}

// Problem is what keeps a modem from being connected, and the way out.
type Problem struct {
	Code     string
	Severity status.Severity
	Message  string
}

func problem(code, format string, args ...any) *Problem {
	return &Problem{code, status.Error, fmt.Sprintf(format, args...)}
}

func noService(err error) *Problem {
	text, name := words(err)
	if forbidden(name, text) {
		return notAllowed(text)
	}
	return problem(conditionMissing, "ModemManager, which drives modems, does not answer (%s): see whether it is installed and runs", text)
}

func notAllowed(text string) *Problem {
	return problem(conditionConnect, "encoderd may not command ModemManager (%s): install the polkit rules of docs/network.md", text)
}

// state is MMModemState.
type state int32

const (
	failed      state = -1
	locked      state = 2
	disabled    state = 3
	enabled     state = 6
	searching   state = 7
	registered  state = 8
	connecting  state = 10
	isConnected state = 11
)

func (s state) String() string {
	names := map[state]string{
		failed: "failed", locked: "locked", disabled: "disabled", 4: "disabling", 5: "enabling", enabled: "enabled",
		searching: "searching", registered: "registered", 9: "disconnecting", connecting: "connecting", isConnected: "connected",
	}
	if name, ok := names[s]; ok {
		return name
	}
	return "starting"
}

// technology is the best of a mask of MMModemAccessTechnology.
func technology(mask uint32) string {
	for _, t := range []struct {
		bits uint32
		name string
	}{
		{1 << 15, "5G"}, {1<<14 | 1<<16 | 1<<17, "LTE"}, {1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<9, "3G"}, {1<<1 | 1<<2 | 1<<3 | 1<<4, "2G"},
	} {
		if mask&t.bits != 0 {
			return t.name
		}
	}
	return ""
}

// shown is what the status shows of a modem.
func (d device) shown() *status.Modem {
	type quality struct {
		Percent uint32
		Recent  bool
	}
	operator := as[string](d.gsm, "OperatorName")
	if operator == "" {
		operator = as[string](d.gsm, "OperatorCode")
	}
	return &status.Modem{
		Model: strings.TrimSpace(as[string](d.values, "Manufacturer") + " " + as[string](d.values, "Model")),
		State: d.state().String(), Operator: operator, Technology: technology(as[uint32](d.values, "AccessTechnologies")),
		Signal: int(min(as[quality](d.values, "SignalQuality").Percent, 100)), Roaming: d.roams(),
	}
}

// registrationDenied is a state of a registration (MMModem3gppRegistrationState).
const registrationDenied = 3

func (d device) registration() uint32 { return as[uint32](d.gsm, "RegistrationState") }

// roams says that the network is not the SIM's own.
func (d device) roams() bool { return slices.Contains([]uint32{5, 7, 10}, d.registration()) }

// failure is why the modem cannot be used (MMModemStateFailedReason).
func (d device) failure() *Problem {
	switch as[uint32](d.values, "StateFailedReason") {
	case 2:
		return problem(conditionSIM, "there is no SIM in the modem: put one in, and start the box anew if it is not seen then")
	case 3:
		return problem(conditionSIM, "the SIM cannot be read: clean it and see that it sits right, or try another")
	case 5:
		return problem(conditionSIM, "the modem's eSIM holds no profile: load the operator's with a tool for eSIMs (lpac), or put a SIM in")
	}
	return problem(conditionMissing, "the modem does not work: plug it out and in, or start the box anew; the log of ModemManager says more")
}

// denied is that the network refuses the modem; nil while it does not.
func (d device) denied() *Problem {
	if d.registration() != registrationDenied {
		return nil
	}
	return problem(conditionRegistration, "the network refuses the SIM: ask its operator whether it is active and for data, and whether this modem may be used")
}

// unregistered is that no network is found.
func (d device) unregistered() *Problem {
	return problem(conditionRegistration, "no network is found: check the antenna and its place; the signal is %d %%", d.shown().Signal)
}
