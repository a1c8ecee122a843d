// What the box records: the state that is part of the status, the shapes of
// /api/v1/streams/NAME/recordings, and how they read.

import { bytes, clock } from "./format.ts";
import type { Level } from "./summary.ts";
import type { Condition } from "./types.ts";

export interface RecorderState {
  mode: "off" | "manual" | "always" | "schedule";
  state: "idle" | "recording" | "waiting";
  reason?: string;
  label?: string;
  since: string | null;
  until: string | null;
  next: string | null;
  stopped: boolean;
  file?: string;
  files: number;
  bytes: number;
  duration_seconds: number;
  free_bytes: number; // that recordings may still take
  bytes_per_second: number;
  remaining_seconds: number | null;
}

export interface Recording {
  name: string;
  url: string; // relative to the list's
  writing: boolean;
  begin: string | null;
  duration_seconds: number;
  bytes: number;
  sha256?: string;
  marks: { at_seconds: number; text: string }[];
}

export interface Finished {
  name: string;
  url: string;
  bytes: number;
  modified: string;
}

export interface Recordings {
  recordings: Recording[]; // newest first
  total: number;
  next?: string;
  finished: Finished[];
}

export interface Job {
  id: number;
  state: "queued" | "running" | "done" | "failed" | "cancelled";
  format: string;
  files: string[];
  result: string;
  progress: number;
  eta_seconds: number | null;
  error?: string;
}

// base is where a stream's recordings are, for the browser.
export function base(stream: string): string {
  return `api/v1/streams/${encodeURIComponent(stream)}/recordings/`;
}

// unwritten are conditions under which nothing reaches storage.
const unwritten = ["storage.missing", "storage.full", "storage.read_only", "storage.failed", "record.full", "record.storage"];

// standing is the recorder's state in a word, with its level.
export function standing(s: RecorderState, conditions: readonly Condition[]): { level: Level; text: string } {
  if (s.state === "recording") {
    if (conditions.some((c) => unwritten.includes(c.code))) return { level: "error", text: "Nothing is written" };
    return { level: "ok", text: "Recording" };
  }
  if (s.stopped) return { level: "warning", text: "Stopped by hand" };
  if (s.state === "waiting") return { level: "busy", text: "Waits for the time of day" };
  return { level: "idle", text: "Not recording" };
}

// room is for how long recording can go on; of storage that is not there nothing is known.
export function room(s: RecorderState, conditions: readonly Condition[]): string {
  if (conditions.some((c) => c.code === "storage.missing" || c.code === "storage.failed")) return "–";
  const { free_bytes: free, remaining_seconds: left } = s;
  if (free === 0 && left === null) return "–"; // it has not looked yet
  return left === null ? bytes(free) : `${clock(left * 1000)} (${bytes(free)})`;
}

// markText is a mark as it is listed.
export function markText(m: Recording["marks"][number]): string {
  return `${clock(m.at_seconds * 1000)} ${m.text || "mark"}`;
}

// pending are the jobs a person waits for, and those that failed.
export function pending(jobs: readonly Job[]): Job[] {
  return jobs.filter((j) => j.state === "queued" || j.state === "running" || j.state === "failed");
}

// progress of a job, in words.
export function progress(j: Job): string {
  if (j.state === "queued") return "waits";
  if (j.state === "failed") return `failed: ${j.error ?? "no reason given"}`;
  const left = j.eta_seconds === null ? "" : `, ${clock(j.eta_seconds * 1000)} left`;
  return `${Math.floor(j.progress * 100)} %${left}`;
}
