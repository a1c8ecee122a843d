import assert from "node:assert/strict";
import { test } from "node:test";
import { pictureMessage, summarize } from "../src/summary.ts";
import type { Condition, Destination, DestinationState, Hls, InputState, Signal, SignalState, Snapshot, Stream } from "../src/types.ts";

const hls = { url: "/hls/index.m3u8", segments: 5 } as Hls;

function stream(states: DestinationState[], over: Partial<Stream> = {}): Stream {
  const destinations = states.map((state, i) => ({ name: `d${i}`, state }) as Destination);
  return { name: "main", default: true, input: input("running"), video: null, audio: null, hls, destinations, conditions: [], ...over };
}

function input(state: InputState) {
  return { kind: "pattern", description: "", state, dropped: 0, signal: null };
}

function box(...streams: Stream[]): Snapshot {
  return { streams, conditions: [] as Condition[] } as Snapshot;
}

test("one stream in a sentence", () => {
  const cases: [DestinationState[], string, string][] = [
    [[], "ok", "Live on this network: no destination is configured"],
    [["disabled"], "ok", "Live on this network: no destination is enabled"],
    [["active"], "ok", "Live: the destination is active"],
    [["active", "active", "disabled"], "ok", "Live: both destinations are active"],
    [["active", "active", "active"], "ok", "Live: all 3 destinations are active"],
    [["active", "active", "reconnecting"], "warning", "Live: 2 of 3 destinations active"],
    [["active", "connecting"], "busy", "Live: 1 of 2 destinations active"],
    [["active", "failed"], "error", "Live: 1 of 2 destinations active"],
    [["connecting", "starting"], "busy", "Starting: 0 of 2 destinations active"],
    [["reconnecting"], "error", "Not delivering: 0 of 1 destination active"],
  ];
  for (const [states, level, sentence] of cases) {
    assert.deepEqual(summarize(box(stream(states))), { level, sentence }, states.join());
  }
});

test("the input comes before the destinations", () => {
  const told = (state: InputState) => summarize(box(stream(["active"], { input: input(state) })));
  assert.deepEqual(told("retrying"), { level: "error", sentence: "Off air: the input failed" });
  assert.deepEqual(told("starting"), { level: "busy", sentence: "Starting: waiting for the input" });
  assert.deepEqual(told("ended"), { level: "warning", sentence: "Off air: the input has ended" });
});

test("a stream without a signal is live all the same, and says so", () => {
  const told = (state: SignalState) => {
    const signal = { state, slate: state !== "ok" } as Signal;
    return summarize(box(stream(["active"], { input: { ...input("running"), kind: "capture", signal } })));
  };
  assert.deepEqual(told("ok"), { level: "ok", sentence: "Live: the destination is active" });
  assert.deepEqual(told("no_signal"), { level: "warning", sentence: "No signal. Live: the destination is active" });
  assert.deepEqual(told("device_lost"), { level: "error", sentence: "Device not there. Live: the destination is active" });
});

test("no stream, several streams, conditions", () => {
  assert.deepEqual(summarize(box()), { level: "idle", sentence: "Idle: no stream is configured" });
  const several = box(stream(["active", "reconnecting"]), stream([], { input: input("retrying") }));
  assert.deepEqual(summarize(several), { level: "error", sentence: "Live: 1 of 2 streams, 1 of 2 destinations active" });

  const condition: Condition = { code: "segment.forced_cut", severity: "warning", message: "", since: "" };
  assert.equal(summarize(box(stream(["active"], { conditions: [condition] }))).level, "warning");
  assert.equal(summarize({ ...box(stream(["active"])), conditions: [{ ...condition, severity: "error" }] }).level, "error");
  assert.equal(summarize({ ...box(stream(["active"])), conditions: [{ ...condition, severity: "info" }] }).level, "ok");
  const told = summarize({ ...box(stream(["active"], { conditions: [condition] })), conditions: [condition] }).sentence;
  assert.equal(told, "Live: the destination is active, with 2 warnings", "what the colour is for");
  assert.equal(summarize(box(stream(["reconnecting"], { conditions: [condition] }))).sentence, "Not delivering: 0 of 1 destination active");
});

test("why there is no picture", () => {
  assert.equal(pictureMessage(stream([], { input: input("retrying") }), "playing", true), null);
  assert.equal(pictureMessage(stream([]), "stalled", false), "Connection to the box lost");
  assert.equal(pictureMessage(stream([], { input: input("retrying") }), "stalled", true), "Input failed");
  assert.equal(pictureMessage(stream([], { hls: null }), "none", true), "This stream is not served on this network");
  assert.equal(pictureMessage(stream([], { hls: { ...hls, url: "" } }), "none", true), "This stream is not served on this network");
  assert.equal(pictureMessage(stream([], { hls: { ...hls, url: "", dash: "/dash/m.mpd" } }), "none", true), "The picture here needs HLS, which is switched off");
  assert.equal(pictureMessage(stream([], { hls: { ...hls, segments: 0 } }), "none", true), "Waiting for the first segment");
  assert.equal(pictureMessage(stream([]), "loading", true), "Loading the picture");
});
