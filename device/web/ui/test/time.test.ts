import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../src/backoff.ts";
import { BoxClock } from "../src/clock.ts";
import { add, historySpan, path, scaleTop, type Point } from "../src/history.ts";

test("the box's clock is told by the message that came soonest", () => {
  const clock = new BoxClock();
  assert.equal(clock.at(5000), 5000);
  clock.heard(1_000_000, 9_000_400); // 400 ms late
  clock.heard(1_001_000, 9_001_020);
  clock.heard(1_002_000, 9_002_250);
  assert.equal(clock.at(9_003_020), 1_003_000);
});

test("the box's clock is set", () => {
  const clock = new BoxClock();
  clock.heard(0, 9_000_000);
  clock.heard(8_999_900, 9_001_000); // a time server was reached
  assert.equal(clock.at(9_002_100), 9_001_000);
});

test("backoff doubles up to its limit and begins anew", () => {
  const b = new Backoff(1000, 10_000, () => 0.5);
  assert.deepEqual([b.next(), b.next(), b.next(), b.next(), b.next(), b.next()], [1000, 2000, 4000, 8000, 10_000, 10_000]);
  b.reset();
  assert.equal(b.next(), 1000);
  assert.equal(new Backoff(1000, 10_000, () => 0).next(), 750);
});

test("history keeps two minutes, one point a second", () => {
  let points: readonly Point[] = [];
  for (let at = 0; at < 300_000; at += 250) points = add(points, { at, value: at });
  assert.ok(points.length >= 110 && points.length <= 134, `${points.length} points`);
  assert.ok(points[0]!.at >= 299_750 - historySpan - 1000);
  assert.deepEqual(add(points, { at: 1000, value: 1 }), [{ at: 1000, value: 1 }]);
});

test("the line has its newest point at the right edge and keeps holes", () => {
  const points = [0, 1000, 20_000, 21_000].map((at) => ({ at, value: 50 }));
  assert.equal(path(points, 120_000, 100, 240, 50), "M0.0 25.0L2.0 25.0M40.0 25.0L42.0 25.0");
  assert.equal(path(points, 141_000, 100, 240, 50), "M0.0 25.0");
  assert.equal(scaleTop(points, 100), 130);
  assert.equal(scaleTop([], 0), 1);
});
