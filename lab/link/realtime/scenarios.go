package realtime

import (
	"time"

	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/scenario"
	"github.com/encoderbox/encoderbox/lab/link/trace"
)

// ways are what is run.
var ways = [...]struct {
	transport string
	laws      []string
}{
	{law.SRT, []string{law.Ours, "belacoder", "fixed-3"}},
	{law.RTMP, []string{law.Ours, "obs", "rootencoder"}},
	{law.HTTP, []string{law.Ours}},
}

const (
	length = 60 * time.Second
	warm   = 8 * time.Second
	mega   = 1e6
)

// Scenarios are four of package scenario, cut to a minute each; the simulator can run
// them too. quick is for a look whether everything works.
func Scenarios(quick bool) (all []scenario.Scenario) {
	part := length / 3
	if quick {
		part = 7 * time.Second
	}
	for _, name := range []string{"steps", "outage-3s", "loss-2", "lte"} {
		s, ok := scenario.ByName(name)
		if !ok {
			panic("scenario " + name + " is gone")
		}
		s.Length, s.Warm = 3*part, min(warm, part-2*time.Second)
		switch name {
		case "steps":
			s.Trace = stepsOf(trace.Step{Bitrate: 6 * mega, For: part}, trace.Step{Bitrate: 2 * mega, For: part}, trace.Step{Bitrate: 6 * mega, For: part})
		case "outage-3s":
			const off = 3 * time.Second
			s.Outages = []scenario.Outage{{From: part, To: part + off}}
			s.Trace = stepsOf(trace.Step{Bitrate: 6 * mega, For: part}, trace.Step{For: off}, trace.Step{Bitrate: 6 * mega, For: 2*part - off})
		}
		all = append(all, s)
	}
	return all
}

func stepsOf(all ...trace.Step) func(uint64) (*trace.Trace, error) {
	return func(uint64) (*trace.Trace, error) { return trace.Steps(all...) }
}

// liveName is that of the scenario with the software encoder.
const liveName = "steps-live"

// liveScenario is the first one with the software encoder.
func liveScenario(quick bool) scenario.Scenario {
	s := Scenarios(quick)[0]
	s.Name, s.Title = liveName, s.Title+", software encoder"
	return s
}

func isLive(s scenario.Scenario) bool { return s.Name == liveName }
