// The bit rate of a stream as the status has it: what the encoder is told, whose
// link decided it, and why. Pure functions.

import { bitrate, count } from "./format.ts";
import type { Level } from "./summary.ts";

export type Step = "full" | "half-rate" | "half-size" | "audio-only";
export type PathState = "following" | "shed" | "paused" | "outage" | "idle";

// RateState is a stream's bit rate now; bit rates are bits per second.
export interface RateState {
  mode: "adaptive" | "fixed";
  policy: string;
  min: number;
  max: number;
  target: number; // of video
  video: number; // coded lately
  step: Step;
  decider: string; // the destination whose link it is; "" for none
  code: string;
  reason: string; // in words
  since?: string;
  paths: RatePath[] | null;
}

// RatePath is the way to a destination; its rates are of all tracks, with what the
// transport adds.
export interface RatePath {
  destination: string;
  target: number;
  estimate: number; // of what the link carries; 0: not known yet
  sent: number;
  acked: number;
  queue_ms: number;
  rtt_ms: number;
  state: PathState;
  code: string;
  reason: string;
  shares?: string[] | null; // destinations that seem to go over the same uplink
}

// roughly is a bit rate of which more than two digits would be made up.
export function roughly(bitsPerSecond: number): string {
  const digits = Number(bitsPerSecond.toPrecision(2));
  const [unit, name] = digits >= 1e6 ? [1e6, "Mb/s"] : [1e3, "kb/s"];
  return `${Number((digits / unit).toPrecision(2))} ${name}`;
}

// unfilled are the reasons under which a link is not given all that it might carry.
const unfilled: ReadonlySet<string> = new Set(["start", "max", "probe", "app_limited", "restart"]);

export interface Headline {
  now: string; // the figure
  what: string; // what the figure is
  rest: string[]; // sentences
}

// headline says what the bit rate is and why.
export function headline(r: RateState, chosen?: RatePath): Headline {
  const now = r.step === "audio-only" ? "Sound only" : bitrate(r.target);
  const what = r.mode === "fixed" ? "fixed" : "now";
  const rest: string[] = [];
  const path = chosen ?? r.paths?.find((p) => p.destination === r.decider);
  if (path && path.estimate > 0) {
    const whose = path.destination === r.decider ? "link" : `link to ${path.destination}`;
    rest.push(`${whose} carries ${unfilled.has(path.code) ? "at least" : "about"} ${roughly(path.estimate)}`);
  }
  if (r.mode === "fixed") rest.push("not adapted to the link: its mode is fixed");
  else if (r.decider) rest.push(`decided by ${r.decider}: ${r.reason}`);
  else if (r.reason) rest.push(r.reason);
  return { now, what, rest };
}

// notice says what is done below the lowest bit rate; null when nothing is.
export function notice(r: RateState): { level: Level; text: string } | null {
  const least = `less than ${bitrate(r.min)}, the lowest that is set, can be sent`;
  switch (r.step) {
    case "half-rate":
      return { level: "warning", text: `Half the frame rate: every second picture is left out, since ${least}.` };
    case "half-size":
      return { level: "warning", text: `Half the size: pictures have half their width and height, since ${least}.` };
    case "audio-only":
      return { level: "error", text: `Sound only: no picture is sent, since ${least}.` };
  }
  return null;
}

// leftOut says how many pictures were not coded because of a link; null where all were.
export function leftOut(v: { divided?: number; skipped?: number } | null | undefined): { text: string; title: string } | null {
  const [divided, skipped] = [v?.divided ?? 0, v?.skipped ?? 0];
  const all = divided + skipped;
  if (all === 0) return null;
  const parts = [
    divided > 0 ? `${count(divided)} for half the frame rate` : "",
    skipped > 0 ? `${count(skipped)} since they would have waited too long, or sound was sent alone` : "",
  ];
  return { text: `${count(all)} ${all === 1 ? "picture" : "pictures"} left out so far`, title: `not coded, as the link carried less: ${parts.filter(Boolean).join(", ")}` };
}

const states: Record<PathState, { level: Level; name: string; title: string }> = {
  following: { level: "ok", name: "Following", title: "it gets all of the stream" },
  shed: { level: "warning", name: "Sound only", title: "its link is too slow for the picture, which is left out for it" },
  paused: { level: "warning", name: "Paused", title: "its link is too slow: nothing is sent to it for now" },
  outage: { level: "error", name: "No answer", title: "its receiver acknowledges nothing" },
  idle: { level: "idle", name: "Not followed", title: "there is no connection, or its transport does not tell how fast it goes" },
};

export function pathState(s: PathState): { level: Level; name: string; title: string } {
  return states[s] ?? { level: "warning", name: s, title: "" };
}

// ailing are the destinations whose links cannot take the stream.
export function ailing(r: RateState | null | undefined): ReadonlySet<string> {
  const bad = (r?.paths ?? []).filter((p) => p.state === "shed" || p.state === "paused" || p.state === "outage");
  return new Set(bad.map((p) => p.destination));
}

// slow says what a destination is not given because of its link; "" where it gets all.
export function slow(r: RateState | null | undefined, destination: string): string {
  if (!ailing(r).has(destination)) return "";
  const p = r!.paths!.find((p) => p.destination === destination)!;
  const { name, title } = pathState(p.state);
  return `${name}: ${title}`;
}

// shown is the path that the chart shows: the one that a person chose, or the one
// that decides, or the one that decided last, or that of the slowest link.
export function shown(paths: readonly string[], chosen: string | null, deciders: readonly string[]): string | null {
  for (const name of [chosen, ...deciders]) {
    if (name && paths.includes(name)) return name;
  }
  return paths[0] ?? null;
}
