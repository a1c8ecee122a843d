package modem

import (
	"context"
	"strings"
	"time"
)

// The locks of a modem (MMModemLock).
const (
	lockUnknown = 0
	lockNone    = 1
	lockPIN     = 2
	lockPUK     = 4
)

// leastTries are those that a SIM must have left for its PIN to be tried: the last one is
// for a person with the SIM in a phone.
const leastTries = 2

// unlock gives the SIM its PIN, if it is known and was not refused before.
func (l *line) unlock(ctx context.Context, d device, r Report) (Report, time.Duration) {
	look := l.modems.pace.Look
	l.waiting = time.Time{}
	switch as[uint32](d.values, "UnlockRequired") {
	case lockPIN:
	case lockUnknown, lockNone:
		return r, look // it is looking, or on its way out of the lock
	case lockPUK:
		r.Problem = problem(conditionPIN, "the SIM is locked after too many wrong PINs: put it into a phone and enter its PUK there, then tell the box its PIN by \"network modem pin %s PIN\"", l.name)
		return r, look
	default:
		r.Problem = problem(conditionPIN, "the modem is locked to another SIM or operator: take a SIM of that operator, or have the seller of the modem unlock it")
		return r, look
	}
	switch {
	case l.unlocked == d.path:
		return r, look // the SIM took the PIN, and the modem is not yet through with it
	case l.want.PIN.IsZero():
		r.Problem = problem(conditionPIN, "the SIM asks for its PIN: tell it by \"network modem pin %s PIN\", or switch the question off with the SIM in a phone", l.name)
		return r, look
	case time.Until(l.notYet) > 0:
		r.Problem = l.refusal
		return r, time.Until(l.notYet)
	}
	r.Problem = l.send(ctx, d)
	if l.unlocked == d.path || l.notYet.IsZero() {
		return r, look
	}
	return r, max(time.Until(l.notYet), time.Millisecond)
}

// send sends the PIN. That it is tried is written down before: neither a restart of the
// daemon nor a power cut may lead to a second try of a wrong one.
func (l *line) send(ctx context.Context, d device) *Problem {
	sim, err := l.sim(ctx, d)
	if err != nil {
		return l.delay(noService(err))
	}
	left, told := as[map[uint32]uint32](d.values, "UnlockRetries")[lockPIN]
	t := try{sim: sim.id, modem: d.path, left: left, told: told}
	switch may, err := l.modems.memory.may(t, l.want.PIN); {
	case err != nil:
		return problem(conditionPIN, "the SIM's PIN is not tried, since it cannot be written down that it was: %v; three wrong tries lock a SIM", err)
	case !may:
		return l.wrong()
	case told && left < leastTries:
		return problem(conditionPIN, "the SIM has %d tries left before it locks, so the box does not try its PIN: put it into a phone and enter the PIN there, which gives back all tries", left)
	}
	if err := l.modems.memory.begin(t, l.want.PIN); err != nil {
		return problem(conditionPIN, "the SIM's PIN is not tried, since it cannot be written down that it was: %v; three wrong tries lock a SIM", err)
	}
	l.log.Info("modem: the SIM gets its PIN", "modem", string(d.path))
	err = l.bus.call(ctx, callTime, sim.path, simIface+".SendPin", []any{l.want.PIN.Reveal()})
	return l.answered(d, t, err)
}

// answered is what comes of the SIM's answer.
func (l *line) answered(d device, t try, err error) *Problem {
	if err == nil {
		l.unlocked, l.refusal, l.failures, l.notYet = d.path, nil, 0, time.Time{}
		l.modems.memory.accepted(t)
		return nil
	}
	text, name := words(err)
	switch {
	case name == wrongPIN:
		l.modems.memory.refused(t, l.want.PIN)
		l.log.Warn("modem: the SIM refuses its PIN, which is not tried again", "err", text)
		return l.wrong()
	case unsent(name) || forbidden(name, text):
		l.modems.memory.unsent(t, l.want.PIN)
		if forbidden(name, text) {
			return l.delay(notAllowed(text))
		}
		return l.delay(problem(conditionPIN, "the SIM cannot be given its PIN (%s): it is tried again; if this stays, start the box anew", conceal(text, l.want.PIN)))
	}
	l.log.Warn("modem: it is not known whether the SIM took its PIN", "err", conceal(text, l.want.PIN))
	return l.wrong()
}

// unsent says that an error means that the SIM has not seen the PIN.
func unsent(name string) bool {
	switch strings.TrimPrefix(name, errorPrefix) {
	case "MobileEquipment.SimBusy", "MobileEquipment.SimNotInserted", "Core.WrongState", "Core.InProgress",
		"org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.DBus.Error.UnknownMethod":
		return true
	}
	return false
}

// delay has the PIN wait for the next try.
func (l *line) delay(p *Problem) *Problem {
	l.later()
	l.refusal = p
	return p
}

func (l *line) wrong() *Problem {
	return problem(conditionPIN, "the SIM refused this PIN, which is not tried again since three wrong ones lock the SIM: tell the right one by \"network modem pin %s PIN\", or switch the question off with the SIM in a phone", l.name)
}
