import assert from "node:assert/strict";
import { test } from "node:test";
import * as line from "../src/ratehistory.ts";
import type { Answer, Change, History, PathPoint, RatePoint } from "../src/ratehistory.ts";

const began = 1_800_000_000_000;

const of = (over: Partial<PathPoint> = {}): PathPoint => ({ target: 3e6, sent: 3.1e6, acked: 3e6, estimate: 4e6, queue_ms: 5, rtt_ms: 40, state: "following", ...over });

const point = (seq: number, over: Partial<RatePoint> = {}): RatePoint => ({ seq, t: began + 200 * seq, target: 3e6, video: 2.9e6, paths: { youtube: of() }, ...over });

const change = (seq: number, from: number, to: number, code = "probe", over: Partial<Change> = {}): Change => ({ seq, t: began + 200 * seq, from, to, destination: "youtube", code, text: code, ...over });

function answer(from: number, to: number, over: Partial<Answer> = {}): Answer {
  const points = Array.from({ length: to - from }, (_, i) => point(from + 1 + i));
  return { stream: "main", mode: "adaptive", policy: "protect-primary", min: 3e5, max: 6e6, interval_ms: 200, next: to, now: began + 200 * to, decider: "youtube", code: "probe", reason: "", step: "full", points, changes: [], ...over };
}

const seqs = (h: History) => h.points.map((p) => p.seq);

test("answers are joined, and what comes twice counts once", () => {
  let h = line.merge(null, answer(0, 5, { changes: [change(2, 1e6, 2e6)] }));
  h = line.merge(h, answer(3, 8, { changes: [change(2, 1e6, 2e6), change(7, 2e6, 1e6, "queue")] }));
  assert.deepEqual(seqs(h), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(h.changes.map((c) => c.seq), [2, 7]);
  assert.deepEqual(seqs(line.merge(h, answer(8, 8, { points: null, changes: null }))), seqs(h), "nothing new");
});

test("several changes of one step are all kept", () => {
  const both = [change(2, 2e6, 1e6, "queue"), change(2, 1e6, 1e6, "queue", { destination: "studio" })];
  assert.equal(line.merge(null, answer(0, 3, { changes: both })).changes.length, 2);
});

test("ten minutes are kept, and never more", () => {
  let h = line.merge(null, answer(0, 3000));
  for (let s = 3000; s < 12_000; s += 500) h = line.merge(h, answer(s, s + 500));
  assert.equal(h.points[0]!.seq, 9000, "older than ten minutes");
  const flood = Array.from({ length: 20_000 }, (_, i) => point(i + 1, { t: began + i }));
  const changes = Array.from({ length: 20_000 }, (_, i) => change(i + 1, i, i + 1, "probe", { t: began + i }));
  h = line.merge(null, answer(0, 0, { next: 20_000, now: began + 20_000, points: flood, changes }));
  assert.ok(h.points.length <= 3200 && h.changes.length <= 1000);
  assert.equal(h.points[h.points.length - 1]!.seq, 20_000, "the newest stay");
});

test("the box's clock is set back, and forward", () => {
  const h = line.merge(null, answer(0, 10));
  const back = line.merge(h, answer(10, 12, { now: began - 3_599_000, points: [11, 12].map((s) => point(s, { t: began - 3_600_000 + 200 * s })) }));
  assert.deepEqual(seqs(back), [11, 12]);
  const wobbles = line.merge(h, answer(10, 12, { points: [point(11, { t: began + 1990 }), point(12)] }));
  assert.deepEqual(wobbles.points.slice(-3).map((p) => p.t - began), [2000, 2000, 2400], "steered, not set");
  const forward = line.merge(h, answer(10, 11, { now: began + 86_400_000, points: [point(11, { t: began + 86_400_000 })] }));
  assert.deepEqual(seqs(forward), [11]);
});

test("a climb is one change, and each reason to go down is one", () => {
  const all = [
    change(1, 2e6, 2.1e6),
    change(3, 2.1e6, 2.2e6),
    change(5, 2.2e6, 2.4e6, "max"),
    change(8, 2.4e6, 2.5e6, "ceiling"),
    change(10, 2.5e6, 1.5e6, "queue"),
    change(14, 1.5e6, 1e6, "queue"),
    change(16, 1e6, 0.9e6, "age"),
    change(200, 0.9e6, 0.8e6, "age"),
    change(202, 0.8e6, 0.7e6, "age", { destination: "studio" }),
  ];
  const runs = line.runs(all);
  assert.deepEqual(
    runs.map((r) => [r.seq, line.direction(r), line.moved(r), line.took(r), line.because(r)]),
    [
      [1, "up", "2.00 → 2.50 Mb/s", "in 4 steps over 1.4 s", "youtube: probe; then ceiling"],
      [10, "down", "2.50 → 1.00 Mb/s", "in 2 steps over 0.8 s", "youtube: queue"],
      [16, "down", "1.00 Mb/s → 900 kb/s", "", "youtube: age"],
      [200, "down", "900 → 800 kb/s", "", "youtube: age"],
      [202, "down", "800 → 700 kb/s", "", "studio: age"],
    ],
  );
  assert.equal(all[0]!.to, 2.1e6, "what came from the box is left as it was");
});

test("changes that move nothing, or of nobody", () => {
  const [step, first] = line.runs([change(1, 3e5, 3e5, "queue", { destination: "", text: "half the frame rate" }), change(2, 0, 3e6, "start", { text: "the link is not known yet" })]);
  assert.deepEqual([line.direction(step!), line.moved(step!), line.because(step!)], ["same", "300 kb/s", "half the frame rate"]);
  assert.deepEqual([line.moved(first!), line.because(first!)], ["3.00 Mb/s", "youtube: the link is not known yet"]);
});

const drawn = (points: RatePoint[], path: string | null = "youtube") => {
  const h = line.merge(null, answer(0, 0, { next: points.length, now: points[points.length - 1]!.t, points }));
  return line.series(h, path, 120_000);
};

test("lines of a path", () => {
  const s = drawn([point(1), point(2, { paths: { youtube: of({ estimate: 0 }) } }), point(3, { paths: { youtube: of({ state: "idle" }) } }), point(4, { paths: null })]);
  assert.deepEqual(s.target, [3e6, 3e6, 3e6, 3e6]);
  assert.deepEqual(s.sent, [3.1e6, 3.1e6, null, null], "no connection, no line");
  assert.deepEqual(s.estimate, [4e6, null, null, null], "an estimate that is not known is no zero");
  assert.deepEqual(drawn([point(1)], null).acked, [null]);
});

test("a gap stays one, and times rise", () => {
  const s = drawn([point(1), point(2), point(60), point(60), point(61)]);
  assert.equal(s.at.length, 5);
  assert.deepEqual(s.target, [3e6, 3e6, null, 3e6, 3e6]);
  assert.ok(s.at.every((t, i) => i === 0 || t > s.at[i - 1]!));
});

test("only the span that is looked at", () => {
  const points = Array.from({ length: 3000 }, (_, i) => point(i + 1));
  assert.ok(drawn(points).at.length < 620);
});

test("times without an answer are spans", () => {
  const out = (s: number) => point(s, { paths: { youtube: of({ state: "outage" }) } });
  const s = drawn([point(1), out(2), out(3), point(4), out(5), out(40), point(41, { paths: { youtube: of({ state: "shed" }) } })]);
  const at = (n: number) => (began + 200 * n) / 1000;
  assert.deepEqual(s.spans, [
    { from: at(2), to: at(3), state: "outage" },
    { from: at(5), to: at(5), state: "outage" },
    { from: at(40), to: at(40), state: "outage" },
    { from: at(41), to: at(41), state: "shed" },
  ]);
});

test("the paths that there were", () => {
  const h = line.merge(null, answer(0, 20));
  assert.deepEqual(line.pathsOf(h, 120_000), ["youtube"]);
  assert.deepEqual(line.pathsOf(line.merge(null, answer(0, 1, { points: [point(1, { paths: {} })] })), 120_000), []);
});

test("the scale has room for the limit and the estimate, while that leaves the lines readable", () => {
  const s = (target: number, estimate: number, sent = target) => ({ at: [0], target: [target], sent: [sent], acked: [sent], estimate: [estimate], spans: [] });
  assert.equal(line.top(s(3e6, 4e6), 6e6), 7e6, "over the limit");
  assert.equal(line.top(s(1e6, 1e6), 50e6), 1.5e6, "a limit far off is not shown");
  assert.equal(line.top(s(3e6, 900e6), 6e6), 10e6, "an estimate far off is cut");
  assert.equal(line.top(s(3e6, 0, 900e6), 6e6), 15e6, "as is a burst");
  assert.ok(line.top({ at: [], target: [], sent: [], acked: [], estimate: [], spans: [] }, 0) > 0);
});

test("the chart in words", () => {
  const text = line.describe(drawn([point(1), point(2, { target: 2e6 })]), "youtube", 2, 3);
  assert.equal(
    text,
    "Bit rate of the last 2 minutes, destination youtube; target from 2.00 Mb/s to 3.00 Mb/s, last 2.00 Mb/s; sent from 3.10 Mb/s to 3.10 Mb/s, last 3.10 Mb/s; " +
      "acknowledged from 3.00 Mb/s to 3.00 Mb/s, last 3.00 Mb/s; link estimate from 4.00 Mb/s to 4.00 Mb/s, last 4.00 Mb/s; 3 changes, listed below",
  );
});
