import assert from "node:assert/strict";
import { test } from "node:test";
import * as line from "../src/incidents.ts";
import type { Blame, Incident, Kind } from "../src/incidents.ts";

const now = Date.UTC(2026, 10, 21, 12, 0, 0);

function incident(ago: number, over: Partial<Incident> = {}): Incident {
  const lasted = over.lasted ?? 0;
  return {
    id: ago,
    at: new Date(now - ago * 1000).toISOString(),
    until: new Date(now - (ago - lasted) * 1000).toISOString(),
    boot: "b",
    uptime: 100,
    lasted,
    stream: "main",
    subject: "destination cdn",
    kind: "late",
    symptom: "late",
    blame: "link",
    because: "",
    detail: "",
    count: 1,
    amount: {},
    ...over,
  };
}

const hour = 3_600_000;
const marks = (all: Incident[], blame: Blame = "link") => line.marks(all, blame, now - hour, now);

test("marks lie where their time is, on the lane of their blame", () => {
  assert.deepEqual(marks([incident(1800), incident(60, { blame: "disk" })]).map((m) => m.left), [50]);
  assert.deepEqual(marks([incident(1800, { lasted: 360 })]).map((m) => [m.left, m.width]), [[50, 10]]);
  assert.deepEqual(marks([incident(7200), incident(1, { at: undefined, until: undefined })]), []);
});

test("what began before the line and goes on fills it to its end", () => {
  const [m] = marks([incident(7200, { lasted: 60, ongoing: true })]);
  assert.deepEqual([m!.left, m!.width, m!.ongoing], [0, 100, true]);
});

test("marks that would touch are one, as bad as the worst of them", () => {
  const close: [number, Kind][] = [
    [1800, "late"],
    [1790, "gap"],
    [1780, "restart"],
    [900, "drop"],
  ];
  const out = marks(close.map(([ago, kind]) => incident(ago, { kind })));
  assert.deepEqual(out.map((m) => [m.incidents.length, m.kind]), [[3, "gap"], [1, "drop"]]);
});

test("a storm of marks stays few", () => {
  const storm = Array.from({ length: 5000 }, (_, n) => incident(n * 0.72));
  assert.ok(marks(storm).length <= 112, `${marks(storm).length} marks`);
});

test("the line's end moves in steps", () => {
  const a = line.span("1h", now + 1, []);
  assert.deepEqual(line.span("1h", now + 9_000, []), a);
  assert.equal(a.to - a.from, hour);
  assert.ok(a.to >= now + 9_000);
});

test("all is as long as there is something, and an hour at least", () => {
  assert.ok(line.span("all", now, [incident(60)]).from > now - 1.1 * hour);
  const { from } = line.span("all", now, [incident(86_400 * 3), incident(5, { at: undefined })]);
  assert.ok(from <= now - 86_400_000 * 3);
});

test("ticks are round and not more than asked for", () => {
  for (const length of [hour, 24 * hour, 9 * 24 * hour, 400 * 24 * hour]) {
    const t = line.ticks(now - length, now, 7);
    assert.ok(t.length >= 2 && t.length <= 7, `${length}: ${t.length}`);
    assert.ok(t.every((x) => x.left > 0 && x.left < 100));
  }
  assert.ok(line.ticks(now - hour, now, 7).every((t) => /^\d\d:[0-5]0$/.test(t.text)));
});

test("an incident in words", () => {
  assert.equal(line.subject(incident(1), 1), "cdn");
  assert.equal(line.subject(incident(1), 2), "main · cdn");
  assert.equal(line.lasted(incident(1)), "");
  assert.equal(line.lasted(incident(1, { lasted: 12.4 })), "for 12 s");
  assert.equal(line.lasted(incident(1, { lasted: 192 })), "for 3:12");
  assert.equal(line.lasted(incident(1, { lasted: 192, ongoing: true })), "goes on");
  assert.equal(line.amount(incident(1, { amount: { packets: 1284, bytes: 96e6 } })), "1\u202f284 packets, 96.0 MB");
  assert.equal(line.amount(incident(1, { symptom: "skipped", amount: { packets: 1 } })), "1 picture");
  assert.equal(line.uptimeText(incident(1)), "1:40 after a start");
});
