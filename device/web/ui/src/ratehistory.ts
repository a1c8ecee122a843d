// What GET /api/v1/streams/NAME/rate tells, gathered over its answers, and what a
// chart draws of it. Pure functions.

import { bitrate } from "./format.ts";
import type { PathState, Step } from "./rate.ts";

export interface PathPoint {
  target: number;
  sent: number;
  acked: number;
  estimate: number; // 0: not known yet
  queue_ms: number;
  rtt_ms: number;
  state: PathState;
}

export interface RatePoint {
  seq: number;
  t: number; // box time, ms
  target: number;
  video: number;
  paths: Record<string, PathPoint> | null;
}

export interface Change {
  seq: number;
  t: number;
  from: number;
  to: number;
  destination: string; // "" for none
  code: string;
  text: string;
}

// Answer is what the box says of all that came after `since`.
export interface Answer {
  stream: string;
  mode: "adaptive" | "fixed";
  policy: string;
  min: number;
  max: number;
  interval_ms: number;
  next: number; // the `since` that goes on from here
  now: number;
  decider: string;
  code: string;
  reason: string;
  step: Step;
  points: RatePoint[] | null;
  changes: Change[] | null;
}

// History is all that is known: ten minutes of points, oldest first, times rising.
export interface History {
  now: number; // box time, ms
  interval: number; // ms between points
  mode: "adaptive" | "fixed";
  min: number;
  max: number;
  decider: string;
  points: readonly RatePoint[];
  changes: readonly Change[];
}

export const kept = 600_000; // ms
const pointsKept = 3200;
const changesKept = 1000;

// merge is the history with what an answer adds.
export function merge(h: History | null, a: Answer): History {
  return {
    now: a.now,
    interval: a.interval_ms > 0 ? a.interval_ms : 200,
    mode: a.mode,
    min: a.min,
    max: a.max,
    decider: a.decider,
    points: extend(h?.points ?? [], a.points ?? [], a.now, pointsKept, (p) => p.seq),
    // Several changes can be of one step, and a list need not leave out old ones.
    changes: extend(h?.changes ?? [], a.changes ?? [], a.now, changesKept, (c) => `${c.seq} ${c.destination} ${c.to}`),
  };
}

const wobble = 2000; // ms: the box makes times anew for each answer, and its clock is steered

// extend adds what is new. Times must rise: where the clock was set back, what lay
// before is gone.
function extend<T extends { seq: number; t: number }>(old: readonly T[], more: readonly T[], now: number, most: number, key: (x: T) => unknown): readonly T[] {
  const seen = new Set(old.map(key));
  let all = [...old];
  for (const x of more) {
    const last = all[all.length - 1];
    if (seen.has(key(x)) || (last && x.seq < last.seq)) continue;
    if (last && x.t < last.t - wobble) all = [];
    all.push(last && x.t < last.t && all.length > 0 ? { ...x, t: last.t } : x);
    seen.add(key(x));
  }
  return all.filter((x) => now - x.t <= kept && x.t <= now + kept).slice(-most);
}

// Run is changes that are one to people: a rate that climbs in many small steps has
// changed once.
export interface Run {
  seq: number; // of its first change
  t: number;
  until: number;
  from: number;
  to: number;
  steps: number;
  destination: string;
  code: string;
  texts: string[]; // its reasons, each once
}

const runGap = 3000; // ms between the steps of a run

// runs are the changes, oldest first, in runs.
export function runs(changes: readonly Change[]): Run[] {
  const all: Run[] = [];
  for (const c of changes) {
    const r = all[all.length - 1];
    if (r && goesOn(r, c)) {
      const texts = r.texts.includes(c.text) ? r.texts : [...r.texts, c.text];
      Object.assign(r, { to: c.to, until: c.t, steps: r.steps + 1, texts });
    } else {
      all.push({ seq: c.seq, t: c.t, until: c.t, from: c.from, to: c.to, steps: 1, destination: c.destination, code: c.code, texts: [c.text] });
    }
  }
  return all;
}

// goesOn says that a change is the next step of a run. Each reason to go down counts
// for itself; a climb has several one after the other.
function goesOn(r: Run, c: Change): boolean {
  if (c.destination !== r.destination || c.t - r.until > runGap || c.from !== r.to || direction(c) !== direction(r)) return false;
  return c.code === r.code || direction(r) === "up";
}

export type Direction = "up" | "down" | "same";

export function direction(r: { from: number; to: number }): Direction {
  return r.to > r.from ? "up" : r.to < r.from ? "down" : "same";
}

// moved is a run's bit rates: "6.00 → 2.10 Mb/s".
export function moved(r: Run): string {
  if (r.from === r.to) return bitrate(r.to);
  if (r.from === 0) return bitrate(r.to);
  const [from, to] = [bitrate(r.from), bitrate(r.to)];
  const unit = to.slice(to.indexOf(" "));
  return `${from.endsWith(unit) ? from.slice(0, -unit.length) : from} → ${to}`;
}

// reason is why a run was, with the first of its reasons and the last.
export function reason(r: Run): string {
  const [first, ...more] = r.texts;
  return more.length === 0 ? first! : `${first}; then ${more[more.length - 1]}`;
}

// because is a run's reason: "youtube: the link is too slow: a queue grows".
export function because(r: Run): string {
  return [r.destination, reason(r)].filter(Boolean).join(": ");
}

// took is how long a run was under way; "" for a change at one moment.
export function took(r: Run): string {
  return r.steps > 1 ? `in ${r.steps} steps over ${Math.max(0.1, (r.until - r.t) / 1000).toFixed(1)} s` : "";
}

type Maybe = number | null;

// Span is a time in which a path was not given the stream.
export interface Span {
  from: number; // s
  to: number;
  state: PathState;
}

// Series are the lines of a chart: times are seconds, rates bits per second, a null
// is a hole.
export interface Series {
  at: number[];
  target: Maybe[];
  sent: Maybe[];
  acked: Maybe[];
  estimate: Maybe[];
  spans: Span[];
}

const hole = 2500; // ms without a point: there is one a second at least

// series is the last `length` ms of one path.
export function series(h: History, path: string | null, length: number): Series {
  const s: Series = { at: [], target: [], sent: [], acked: [], estimate: [], spans: [] };
  let before: RatePoint | undefined;
  let span: Span | null = null;
  for (const p of h.points) {
    if (h.now - p.t > length + 2000) continue;
    if (before && p.t === before.t) continue;
    const gap = before && p.t - before.t > Math.max(hole, 4 * h.interval);
    if (gap) push(s, before!.t / 1000 + 0.001, null, null);
    const of = (path !== null && p.paths?.[path]) || null;
    push(s, p.t / 1000, p.target, of);
    span = cover(s.spans, gap ? null : span, p.t / 1000, of);
    before = p;
  }
  return s;
}

function push(s: Series, at: number, target: Maybe, of: PathPoint | null): void {
  const there = of !== null && of.state !== "idle";
  s.at.push(at);
  s.target.push(target);
  s.sent.push(there ? of.sent : null);
  s.acked.push(there ? of.acked : null);
  s.estimate.push(there && of.estimate > 0 ? of.estimate : null);
}

// cover makes the span that goes on longer, or begins one; null where there is none.
function cover(spans: Span[], open: Span | null, at: number, of: PathPoint | null): Span | null {
  if (of === null || (of.state !== "outage" && of.state !== "paused" && of.state !== "shed")) return null;
  if (open?.state === of.state) {
    open.to = at;
    return open;
  }
  const begun = { from: at, to: at, state: of.state };
  spans.push(begun);
  return begun;
}

// pathsOf are the destinations of the last `span` ms, in the order of the newest.
export function pathsOf(h: History, span: number): string[] {
  const names = new Set<string>();
  for (let i = h.points.length - 1; i >= 0 && h.now - h.points[i]!.t <= span; i -= 5) {
    for (const name of Object.keys(h.points[i]!.paths ?? {})) names.add(name);
  }
  return [...names];
}

// top is the top of the scale: over all that the encoder did, and as much of the
// link's estimate and of the limit as leaves that readable.
export function top(s: Series, max: number): number {
  const most = (line: Maybe[]) => line.reduce<number>((m, v) => Math.max(m, v ?? 0), 0);
  const target = most(s.target);
  const went = Math.min(Math.max(most(s.sent), most(s.acked)), 2 * Math.max(target, max));
  const own = Math.max(target, went, 1000);
  const limit = max <= 2.5 * own ? max : 0;
  return round(1.08 * Math.max(own, limit, Math.min(most(s.estimate), 1.5 * Math.max(own, limit))));
}

// round is the next of a few values, so that the scale stands still.
function round(v: number): number {
  const unit = 10 ** Math.floor(Math.log10(v));
  return unit * ([1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 10].find((n) => n * unit >= v) ?? 10);
}

// describe is the chart for those who do not see it.
export function describe(s: Series, path: string | null, minutes: number, changes: number): string {
  const line = (name: string, values: Maybe[]) => {
    const known = values.filter((v): v is number => v !== null);
    if (known.length === 0) return "";
    return `${name} from ${bitrate(Math.min(...known))} to ${bitrate(Math.max(...known))}, last ${bitrate(known[known.length - 1]!)}`;
  };
  const lines = [line("target", s.target), line("sent", s.sent), line("acknowledged", s.acked), line("link estimate", s.estimate)];
  const what = `Bit rate of the last ${minutes} minutes${path ? `, destination ${path}` : ""}`;
  return [what, ...lines.filter(Boolean), `${changes} changes, listed below`].join("; ");
}
