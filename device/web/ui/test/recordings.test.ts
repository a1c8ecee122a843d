import assert from "node:assert/strict";
import { test } from "node:test";
import * as rec from "../src/recordings.ts";
import type { Job, RecorderState } from "../src/recordings.ts";

const state = { mode: "manual", state: "idle", stopped: false, free_bytes: 2e9, bytes_per_second: 0, remaining_seconds: null } as unknown as RecorderState;
const job = { id: 1, state: "running", progress: 0.427, eta_seconds: 31 } as Job;

test("a stream's name is one part of an address", () => {
  assert.equal(rec.base("a/b c"), "api/v1/streams/a%2Fb%20c/recordings/");
});

test("what the recorder does", () => {
  assert.equal(rec.standing(state, []).text, "Not recording");
  assert.deepEqual(rec.standing({ ...state, state: "recording" }, []), { level: "ok", text: "Recording" });
  assert.equal(rec.standing({ ...state, mode: "always", stopped: true }, []).level, "warning");
  assert.equal(rec.standing({ ...state, mode: "schedule", state: "waiting" }, []).level, "busy");
});

test("room is told in time once the rate is known", () => {
  assert.equal(rec.room(state, []), "2.00 GB");
  assert.equal(rec.room({ ...state, free_bytes: 0 }, []), "–", "not looked yet");
  assert.equal(rec.room({ ...state, free_bytes: 0, remaining_seconds: 0 }, []), "0:00 (0 B)");
  assert.equal(rec.room({ ...state, remaining_seconds: 3723 }, []), "1:02:03 (2.00 GB)");
});

test("what does not reach storage is not called recording", () => {
  const recording = { ...state, state: "recording", remaining_seconds: 60 } as RecorderState;
  const held = (code: string) => [{ code, severity: "error", message: "", since: "" } as const];
  for (const code of ["storage.missing", "storage.full", "storage.read_only", "storage.failed", "record.full", "record.storage"]) {
    assert.equal(rec.standing(recording, held(code)).level, "error", code);
    assert.equal(rec.standing(state, held(code)).level, "idle", code);
  }
  assert.equal(rec.standing(recording, held("storage.slow")).level, "ok");
  assert.equal(rec.room(recording, held("storage.missing")), "–");
});

test("a mark without a text is a mark", () => {
  assert.equal(rec.markText({ at_seconds: 64, text: "goal" }), "1:04 goal");
  assert.equal(rec.markText({ at_seconds: 64, text: "" }), "1:04 mark");
});

test("jobs", () => {
  const all = (["queued", "running", "done", "failed", "cancelled"] as const).map((s) => ({ ...job, state: s }));
  assert.deepEqual(rec.pending(all).map((j) => j.state), ["queued", "running", "failed"]);
  assert.equal(rec.progress(job), "42 %, 0:31 left");
  assert.equal(rec.progress({ ...job, eta_seconds: null }), "42 %");
  assert.equal(rec.progress({ ...job, state: "failed", error: "disk full" }), "failed: disk full");
});
