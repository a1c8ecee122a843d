import assert from "node:assert/strict";
import { test } from "node:test";
import * as f from "../src/format.ts";

test("bitrate and bytes keep three digits and never read 1000", () => {
  const cases: [number, string][] = [
    [0, "0 b/s"],
    [999, "999 b/s"],
    [999.6, "1.00 kb/s"],
    [10_503, "10.5 kb/s"],
    [128_000, "128 kb/s"],
    [999_499, "999 kb/s"],
    [999_600, "1.00 Mb/s"],
    [2_500_000, "2.50 Mb/s"],
    [12_345_678, "12.3 Mb/s"],
    [3.2e9, "3.20 Gb/s"],
  ];
  for (const [n, want] of cases) assert.equal(f.bitrate(n), want);
  assert.equal(f.bytes(52_100_000), "52.1 MB");
  assert.equal(f.bytes(7.5e15), "7500 TB");
});

test("count groups by thousands", () => {
  assert.equal(f.count(999), "999");
  assert.equal(f.count(1234567), "1\u202f234\u202f567");
});

test("clock", () => {
  const s = 1000;
  const cases: [number, string][] = [
    [-5, "0:00"],
    [9 * s, "0:09"],
    [252 * s, "4:12"],
    [600 * s, "10:00"],
    [3723 * s, "1:02:03"],
    [(3 * 86400 + 4 * 3600 + 12 * 60 + 33) * s, "3 d 04:12:33"],
  ];
  for (const [ms, want] of cases) assert.equal(f.clock(ms), want);
});

test("countdown never goes below now", () => {
  assert.equal(f.countdown(-3000), "now");
  assert.equal(f.countdown(100), "in 1 s");
  assert.equal(f.countdown(59_500), "in 1:00");
});

test("moment tells the date only where it is another", () => {
  const now = new Date(2026, 10, 21, 12, 0, 0);
  assert.equal(f.moment(new Date(2026, 10, 21, 4, 5, 6), now), "04:05:06");
  assert.equal(f.moment(new Date(2026, 10, 20, 4, 5, 6), now), "20 Nov 04:05:06");
  assert.equal(f.moment(new Date(1970, 0, 1, 0, 0, 9), now), "1 Jan 1970 00:00:09");
});

test("codec names what it knows and keeps the rest", () => {
  assert.equal(f.codec("avc1.42c01f"), "H.264 Constrained Baseline 3.1");
  assert.equal(f.codec("avc1.42001e"), "H.264 Baseline 3.0");
  assert.equal(f.codec("avc3.640028"), "H.264 High 4.0");
  assert.equal(f.codec("mp4a.40.2"), "AAC-LC");
  assert.equal(f.codec("hvc1.1.6.L93"), "H.265");
  assert.equal(f.codec("av01.0.04M.08"), "av01.0.04M.08");
});

test("small ones", () => {
  assert.equal(f.milliseconds(0), "–");
  assert.equal(f.milliseconds(1.26), "1.3 ms");
  assert.equal(f.milliseconds(26.4), "26 ms");
  assert.equal(f.sampleRate(44100), "44.1 kHz");
  assert.equal(f.channels(6), "6 channels");
  assert.equal(f.frameRate(0), "–");
  assert.equal(f.plural(1, "segment"), "1 segment");
  assert.equal(f.plural(0, "segment"), "0 segments");
});
