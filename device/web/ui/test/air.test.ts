import assert from "node:assert/strict";
import { test } from "node:test";
import { airOf, commandPath } from "../src/air.ts";
import { summarize } from "../src/summary.ts";
import type { DestinationState, Snapshot, Stream } from "../src/types.ts";

function stream(states: DestinationState[], off_air?: string): Stream {
  const destinations = states.map((state, n) => ({ name: `d${n}`, state }));
  return { name: "main", input: { state: "running", signal: null }, hls: null, destinations, conditions: [], off_air } as unknown as Stream;
}

test("whether a stream is on the air", () => {
  assert.deepEqual(airOf(stream(["active"])), { on: true, level: "ok", text: "On the air", why: "" });
  assert.equal(airOf(stream(["reconnecting", "connecting"])).level, "busy");
  assert.deepEqual(airOf(stream(["disabled"])), { on: true, level: "idle", text: "On the air, to nobody", why: "" });
  assert.deepEqual(airOf(stream(["disabled"], "stopped by ada")), { on: false, level: "idle", text: "Off the air", why: "stopped by ada" });
});

test("a stream that was stopped is no failure", () => {
  const box = { streams: [stream(["disabled"], "stopped by ada")], conditions: [] } as unknown as Snapshot;
  assert.deepEqual(summarize(box), { level: "idle", sentence: "Off the air: stopped by ada" });
});

test("where a command is asked for", () => {
  assert.equal(commandPath("stream start"), "api/v1/commands/stream-start");
  assert.equal(commandPath("config commit confirmed"), "api/v1/commands/config-commit-confirmed");
});
