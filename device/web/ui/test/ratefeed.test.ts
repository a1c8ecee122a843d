import assert from "node:assert/strict";
import { test } from "node:test";
import { Missing } from "../src/api.ts";
import { RateFeed } from "../src/ratefeed.ts";
import type { Feed } from "../src/ratefeed.ts";
import type { Answer } from "../src/ratehistory.ts";

// Box is a daemon whose history is one point a tick.
class Box {
  seq = 0;
  asked: string[] = [];
  broken: Error | null = null;

  answer = async (path: string): Promise<Answer> => {
    this.asked.push(path);
    if (this.broken) throw this.broken;
    const since = Number(/since=(\d+)$/.exec(path)![1]);
    const points = [];
    for (let seq = since + 1; seq <= this.seq; seq++) points.push({ seq, t: 1000 * seq, target: seq, video: 0, paths: {} });
    return { next: this.seq, now: 1000 * this.seq, points, changes: [], interval_ms: 200, min: 1, max: 2 } as unknown as Answer;
  };
}

// Clock runs one timer at a time, when it is told to.
class Clock {
  waiting: { f: () => void; ms: number } | null = null;
  set = (f: () => void, ms: number) => (this.waiting = { f, ms });
  clear = (id: unknown) => {
    if (this.waiting === id) this.waiting = null;
  };
  async run(): Promise<number> {
    const { f, ms } = this.waiting!;
    this.waiting = null;
    f();
    await settled();
    return ms;
  }
}

const settled = () => new Promise((done) => setImmediate(done));

function setUp() {
  const box = new Box();
  const clock = new Clock();
  const seen: Feed[] = [];
  const feed = new RateFeed("a b", box.answer, (f) => seen.push(f), clock);
  return { box, clock, seen, feed, known: () => seen[seen.length - 1]!.history?.points.map((p) => p.seq) };
}

test("each second what is new", async () => {
  const { box, clock, feed, known } = setUp();
  box.seq = 3;
  feed.watch(true);
  await settled();
  box.seq = 5;
  assert.equal(await clock.run(), 1000);
  assert.deepEqual(box.asked, ["api/v1/streams/a%20b/rate?since=0", "api/v1/streams/a%20b/rate?since=3"]);
  assert.deepEqual(known(), [1, 2, 3, 4, 5]);
});

test("nothing is asked while nobody looks, and then all that is missing", async () => {
  const { box, clock, feed, known } = setUp();
  box.seq = 2;
  feed.watch(true);
  await settled();
  feed.watch(false);
  assert.equal(clock.waiting, null);
  box.seq = 9;
  feed.watch(true);
  feed.watch(true);
  await settled();
  assert.equal(box.asked.length, 2);
  assert.deepEqual(known(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("looking away and back does not ask twice at once", async () => {
  const { box, clock, feed } = setUp();
  feed.watch(true);
  feed.watch(false);
  feed.watch(true);
  await settled();
  assert.equal(box.asked.length, 1);
  assert.notEqual(clock.waiting, null, "it goes on");
});

test("a daemon that begins anew is read from its beginning, without a hole on the page", async () => {
  const { box, clock, feed, known, seen } = setUp();
  box.seq = 50;
  feed.watch(true);
  await settled();
  box.seq = 4;
  await clock.run();
  assert.equal(known()!.length, 50, "until the new one is known");
  assert.equal(await clock.run(), 0);
  assert.equal(box.asked[2], "api/v1/streams/a%20b/rate?since=0");
  assert.deepEqual(known(), [1, 2, 3, 4]);
  assert.ok(seen.every((f) => !f.failed));
});

test("a box that does not answer is asked less and less; what is known stays", async () => {
  const { box, clock, feed, known, seen } = setUp();
  box.seq = 3;
  feed.watch(true);
  await settled();
  box.broken = new Error("the box does not answer");
  const waits = [];
  for (let i = 0; i < 8; i++) waits.push(await clock.run());
  assert.ok(waits[7]! > 5000 && waits.every((w) => w <= 12_500), waits.join());
  assert.deepEqual([known(), seen[seen.length - 1]!.failed], [[1, 2, 3], true]);
  box.broken = null;
  box.seq = 4;
  await clock.run();
  assert.deepEqual([known(), seen[seen.length - 1]!.failed], [[1, 2, 3, 4], false]);
  assert.equal(clock.waiting!.ms, 1000);
});

test("a stream without a history is asked for again after a while", async () => {
  const { box, clock, feed, seen } = setUp();
  box.broken = new Missing("x");
  feed.watch(true);
  await settled();
  assert.deepEqual(seen, [{ history: null, missing: true, failed: false }]);
  assert.equal(clock.waiting!.ms, 60_000);
});

test("closed is closed", async () => {
  const { box, clock, feed, seen } = setUp();
  feed.watch(true);
  feed.close();
  await settled();
  assert.deepEqual([clock.waiting, seen.length], [null, 0]);
  feed.watch(false);
  feed.watch(true);
  await settled();
  assert.equal(box.asked.length, 1);
});
