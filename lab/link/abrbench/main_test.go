package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/realtime"
	"github.com/encoderbox/encoderbox/lab/link/scenario"
	"github.com/encoderbox/encoderbox/lab/link/score"
	"github.com/encoderbox/encoderbox/lab/link/trial"
	"github.com/encoderbox/encoderbox/lab/measure"
)

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"-seeds 0", "-seeds must be from 1 to 1000"},
		{"-only (", "-only: error parsing regexp: missing closing ): `(`"},
		{"-workers 0", "-workers, -real-workers and -real-seeds must be 1 or more"},
		{"-mean 3", "-mean must be above 0, and needs -trace"},
		{"-docs a.md -only lte", "-docs shows every scenario: it cannot be used with -only, -trace or -quick"},
		{"-first-seed 0", "-first-seed must be 1 or more"},
		{"-docs a.md -first-seed 101", "-docs shows the seeds from 1 on: it cannot be used with -first-seed"},
		{"lte", `"lte" is not an option`},
	} {
		_, err := parse(strings.Fields(c.args))
		require.EqualError(t, err, c.want)
	}
	o, err := parse([]string{"-docs", "docs/adaptive.md"})
	require.NoError(t, err)
	require.Equal(t, "docs/adaptive", o.plots)
}

// counted is a runner that counts, and fails where told to.
type counted struct {
	version string
	ran     *[]string
	fail    string
}

func (c counted) Name() string               { return "counted" }
func (c counted) Version(trial.Trial) string { return c.version }
func (c counted) Parallel() int              { return 1 }

func (c counted) Trials(seeds int) []trial.Trial {
	return trial.Simulator{Scenarios: scenario.All()[:1]}.Trials(seeds)
}

func (c counted) Run(_ context.Context, t trial.Trial) ([]*score.Record, error) {
	if t.String() == c.fail {
		return nil, errors.New("a fault")
	}
	*c.ran = append(*c.ran, t.String())
	return []*score.Record{{To: 10 * time.Second}}, nil
}

func TestARunGoesOnWhereItWas(t *testing.T) {
	var ran []string
	o := options{seeds: 2, only: regexp.MustCompile("over srt"), out: t.TempDir()}
	c := counted{version: "1", ran: &ran, fail: "steps: belacoder over srt, 1"}
	_, err := runAll(t.Context(), o, c, &bytes.Buffer{})
	require.EqualError(t, err, "steps: belacoder over srt, 1: a fault")
	require.Equal(t, []string{"steps: ours over srt, 1", "steps: ours over srt, 2", "steps: fixed-3 over srt, 1", "steps: fixed-3 over srt, 2"}, ran)

	ran, c.fail = nil, ""
	var log bytes.Buffer
	outcomes, err := runAll(t.Context(), o, c, &log)
	require.NoError(t, err)
	require.Len(t, outcomes, 6)
	require.Equal(t, []string{"steps: belacoder over srt, 1", "steps: belacoder over srt, 2"}, ran)
	require.Equal(t, "counted: 6 trials, 4 of them as run before\n", log.String())

	// A half written result is run again; another build's is too.
	ran = nil
	require.NoError(t, os.WriteFile(cacheFile(o, c, c.Trials(1)[0]), []byte(`{"ver`), 0o644))
	_, err = runAll(t.Context(), o, c, &log)
	require.NoError(t, err)
	require.Equal(t, []string{"steps: ours over srt, 1"}, ran)
	ran, c.version = nil, "2"
	_, err = runAll(t.Context(), o, c, &log)
	require.NoError(t, err)
	require.Len(t, ran, 6)

	require.EqualError(t, run(t.Context(), []string{"-sim", "-only", "nothing"}, &log), "-only nothing: matches nothing")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o.only = regexp.MustCompile("")
	_, err = runAll(ctx, o, c, &log)
	require.ErrorIs(t, err, context.Canceled)
}

func TestARecordedTraceIsRun(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "train.up")
	require.NoError(t, os.WriteFile(file, []byte("1\n2\n3\n5\n10\n"), 0o644))
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-trace", file, "-mean", "4", "-seeds", "1", "-only", "ours over srt", "-out", dir}, &out))
	require.Contains(t, out.String(), "sim: 1 trials, 0 of them as run before\n")
	require.Regexp(t, `(?m)^train +ours +0\.\d\d`, out.String())
	var r report
	require.NoError(t, measure.Load(filepath.Join(dir, "abr-sim.json"), &r))
	require.Equal(t, "train", r.Rows[0].Scenario)

	require.NoError(t, os.WriteFile(file, []byte("1\nx\n"), 0o644))
	require.ErrorContains(t, run(t.Context(), []string{"-trace", file}, &out), "line 2")
}

// made is a report with results as a function gives them.
func made(seeds int, result func(trial.Trial) score.Result) *report {
	var all []trial.Outcome
	for _, t := range (trial.Simulator{Scenarios: scenario.All()}).Trials(seeds) {
		all = append(all, trial.Outcome{
			Scenario: t.Scenario.Name, Law: t.Law.Name, Transport: t.Transport, Seed: t.Seed, Result: result(t),
			Series: &trial.Series{Step: time.Second, Usable: []float64{1e6, 2e6}, Target: []float64{1e6, 1e6}, Acked: []float64{1e6, 0}, Delay: []float64{5, 0}, Arriving: []bool{true, false}},
		})
	}
	return newReport("sim", options{seeds: seeds}, all)
}

func TestGoalsAreReckoned(t *testing.T) {
	r := made(2, func(t trial.Trial) score.Result {
		if t.Law.Name == law.Ours {
			return score.Result{OnTime: .96, DelayP95: 100, Goodput: 4e6, Back: float64(t.Seed) * 5, Down: .5, Movement: 20, OutageBad: 1.5}
		}
		return score.Result{OnTime: .8, DelayP95: 1000, Late: 50, Goodput: 2e6}
	})
	got := map[string]string{}
	for _, g := range r.Goals {
		got[strings.TrimPrefix(g.Name, "abr-sim-")] = strings.TrimPrefix(g.String(), "goal "+g.Name+" ")
	}
	require.Equal(t, map[string]string{
		"gain-lte": "0.16 0.1 ok", "gain-outage-3s": "0.16 0.1 ok", "gain-outage-20s": "0.16 0.1 ok",
		"back-step": "10 8 short", "back-outage": "10 8 short", "down": "0.5 0.7 ok", "late-lte": "0 0 ok",
		"share-loss-2": "0.96 0.95 ok", "share-rtt-250": "0.96 0.95 ok",
		"delay-of-obs": "0.1 0.2 ok", "late-of-obs": "0 0.1 ok", "goodput-of-obs": "2 1 ok",
		"delay-of-rootencoder": "0.1 0.2 ok", "late-of-rootencoder": "0 0.1 ok", "goodput-of-rootencoder": "2 1 ok",
		"goodput-of-fixed-srt": "2 1.5 ok", "goodput-of-fixed-rtmp": "2 1.5 ok", "stall-srt": "0 0 ok", "stall-rtmp": "0 0 ok",
		"movement": "20 30 ok", "outage-bad": "1.5 1.3 short",
	}, got)
	require.Empty(t, newReport("sim", options{seeds: 1}, nil).Goals, "nothing was run")
}

func TestTheDocumentIsWritten(t *testing.T) {
	dir := t.TempDir()
	o := options{docs: filepath.Join(dir, "a.md"), plots: filepath.Join(dir, "a")}
	s := measure.SectionOf("sim figures", "./lab/link/abrbench")
	require.NoError(t, os.WriteFile(o.docs, []byte("before\n"+s.Begin+"\nold\n"+s.End+"\nafter\n"), 0o644))
	require.NoError(t, made(1, func(trial.Trial) score.Result { return score.Result{OnTime: .5} }).document(o))
	text, err := os.ReadFile(o.docs)
	require.NoError(t, err)
	require.Contains(t, string(text), "before\n")
	require.NotContains(t, string(text), "old\n")
	require.Contains(t, string(text), "| steps | ours | 0.50 |")
	require.Contains(t, string(text), "(a/sim-lte-rtmp.svg)")
	for _, p := range plotted {
		svg, err := os.ReadFile(filepath.Join(o.plots, "sim-"+p.scenario+"-"+p.transport+".svg"))
		require.NoError(t, err)
		require.Contains(t, string(svg), "</svg>")
	}
}

func TestRealRunsStandBesideTheSimulators(t *testing.T) {
	trials := realtime.Bench{}.Trials(2)
	var all []trial.Outcome
	for _, t := range trials {
		all = append(all, trial.Outcome{Scenario: t.Scenario.Name, Law: t.Law.Name, Transport: t.Transport, Seed: t.Seed, Result: score.Result{OnTime: .5, PSNR: 40.04, Goodput: 3e6, Back: -1}})
	}
	r := newReport(realtime.Name, options{seeds: 2}, all)
	require.Len(t, r.Rows, 4*7+3)
	require.Equal(t, "40.0", r.table(law.SRT).Rows[0][14])
	var names []string
	for _, g := range r.Goals {
		names = append(names, strings.TrimPrefix(g.Name, "abr-real-"))
	}
	for _, name := range []string{"gain-lte", "gain-outage-3s", "back-step", "late-of-obs", "goodput-of-rootencoder", "goodput-of-fixed-srt", "stall-srt", "outage-bad"} {
		require.Contains(t, names, name)
	}
	r.Rows = r.Rows[:1] // the one with the software encoder over SRT
	var err error
	r.Simulated, err = beside(realtime.Bench{}, r)
	require.NoError(t, err)
	require.Len(t, r.Simulated, 1)
	table := r.comparison()
	require.Equal(t, []string{"steps-live", law.Ours, law.SRT, "0.50"}, table.Rows[0][:4])
	require.Equal(t, "–", table.Rows[0][11], "no step back in the real run")
	require.NotEqual(t, "–", table.Rows[0][12])
}
