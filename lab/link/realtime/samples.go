package realtime

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/encoderbox/encoderbox/lab/link/trial"
)

// writeSamples writes what a law was told and what it said, a line a step: times in
// microseconds but for At, which is in seconds from the scenario's begin.
func writeSamples(dir string, t trial.Trial, all []sampled) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("keep the samples: %w", err)
	}
	f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s_%s_%s_%d.csv", t.Scenario.Name, t.Law.Name, t.Transport, t.Seed)))
	if err != nil {
		return fmt.Errorf("keep the samples: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "at,connection,clock,written,outstanding,dropped,retransmitted,rtt,min_rtt,budget,app_limited,target,pace,skip,key,flush,reason,estimate,acked,queue")
	for _, s := range all {
		a := s.Advice
		fmt.Fprintf(w, "%.3f,%d,%d,%d,%d,%d,%d,%d,%d,%d,%v,%d,%d,%v,%d,%d,%s,%d,%d,%d\n",
			s.At.Seconds(), s.Connection, s.Sample.At.Microseconds(), s.Written, s.Outstanding, s.Dropped, s.Retransmitted,
			s.RTT.Microseconds(), s.MinRTT.Microseconds(), s.Budget.Microseconds(), s.AppLimited,
			a.Target, a.Pace, a.Skip, a.Key, a.Flush, a.Reason, a.Estimate, a.Acked, a.Queue.Microseconds())
	}
	return w.Flush()
}
