import assert from "node:assert/strict";
import { test } from "node:test";
import { ailing, headline, leftOut, notice, pathState, roughly, shown, slow } from "../src/rate.ts";
import type { RatePath, RateState } from "../src/rate.ts";

function path(destination: string, over: Partial<RatePath> = {}): RatePath {
  return { destination, target: 3.5e6, estimate: 4.12e6, sent: 3.6e6, acked: 3.5e6, queue_ms: 12, rtt_ms: 40, state: "following", code: "queue", reason: "", ...over };
}

const rate: RateState = {
  mode: "adaptive",
  policy: "protect-primary",
  min: 300_000,
  max: 6e6,
  target: 3.4e6,
  video: 3.3e6,
  step: "full",
  decider: "youtube",
  code: "queue",
  reason: "the link is too slow: a queue grows",
  paths: [path("youtube"), path("studio", { estimate: 21e6 })],
};

const sentence = (r: RateState, p?: RatePath) => {
  const { now, what, rest } = headline(r, p);
  return [`${now} ${what}`, ...rest].join(" · ");
};

test("the bit rate in a line", () => {
  assert.equal(sentence(rate), "3.40 Mb/s now · link carries about 4.1 Mb/s · decided by youtube: the link is too slow: a queue grows");
  assert.equal(
    sentence({ ...rate, decider: "", target: 6e6, reason: "the highest bit rate that is set" }, rate.paths![1]),
    "6.00 Mb/s now · link to studio carries about 21 Mb/s · the highest bit rate that is set",
  );
  assert.match(sentence({ ...rate, paths: [path("youtube", { code: "app_limited" })] }), / link carries at least 4\.1 Mb/, "as much as it was given");
  assert.equal(sentence({ ...rate, decider: "", paths: null, reason: "" }), "3.40 Mb/s now");
  assert.equal(sentence({ ...rate, paths: [path("youtube", { estimate: 0 })] }), "3.40 Mb/s now · decided by youtube: the link is too slow: a queue grows");
});

test("a fixed bit rate says so", () => {
  assert.equal(sentence({ ...rate, mode: "fixed", target: 6e6 }), "6.00 Mb/s fixed · link carries about 4.1 Mb/s · not adapted to the link: its mode is fixed");
});

test("what is done below the lowest bit rate", () => {
  assert.equal(notice(rate), null);
  assert.equal(notice({ ...rate, step: "half-rate" })!.text, "Half the frame rate: every second picture is left out, since less than 300 kb/s, the lowest that is set, can be sent.");
  assert.match(notice({ ...rate, step: "half-size" })!.text, /^Half the size/);
  assert.deepEqual([notice({ ...rate, step: "audio-only" })!.level, headline({ ...rate, step: "audio-only" }).now], ["error", "Sound only"]);
  assert.equal(notice({ ...rate, step: "new" as never }), null, "a newer box");
});

test("how many pictures were left out", () => {
  assert.deepEqual([leftOut(null), leftOut({}), leftOut({ divided: 0, skipped: 0 })], [null, null, null], "where all were coded, nothing is said");
  assert.deepEqual(leftOut({ divided: 1, skipped: 0 }), { text: "1 picture left out so far", title: "not coded, as the link carried less: 1 for half the frame rate" });
  assert.deepEqual(leftOut({ divided: 1200, skipped: 12 }), {
    text: "1\u202f212 pictures left out so far",
    title: "not coded, as the link carried less: 1\u202f200 for half the frame rate, 12 since they would have waited too long, or sound was sent alone",
  });
});

test("an estimate has two digits", () => {
  assert.deepEqual([4_123_000, 21_400_000, 999_600, 133_700, 9_960_000].map(roughly), ["4.1 Mb/s", "21 Mb/s", "1 Mb/s", "130 kb/s", "10 Mb/s"]);
});

test("whose link cannot take the stream", () => {
  const paths = [path("a"), path("b", { state: "shed" }), path("c", { state: "outage" }), path("d", { state: "idle" }), path("e", { state: "paused" })];
  assert.deepEqual([...ailing({ ...rate, paths })], ["b", "c", "e"]);
  assert.deepEqual([...ailing(undefined)], []);
  assert.equal(slow({ ...rate, paths }, "b"), "Sound only: its link is too slow for the picture, which is left out for it");
  assert.deepEqual([slow({ ...rate, paths }, "a"), slow({ ...rate, paths }, "gone"), slow(null, "b")], ["", "", ""]);
  assert.equal(pathState("new" as never).name, "new");
});

test("which link is shown", () => {
  assert.equal(shown(["a", "b"], "b", ["a"]), "b", "the chosen one");
  assert.equal(shown(["a", "b"], "gone", ["", "b"]), "b", "the last that decided");
  assert.equal(shown(["a", "b"], null, ["gone"]), "a");
  assert.equal(shown([], "a", ["a"]), null);
});
