// What the state of the box amounts to, in a colour and in a sentence.

import { plural } from "./format.ts";
import type { Condition, Destination, DestinationState, ForwardState, InputState, Severity, SignalState, Snapshot, Stream } from "./types.ts";

// Level orders states by how much they ask for a person. "idle" is neither good nor bad.
export type Level = "idle" | "ok" | "busy" | "warning" | "error";

export interface Summary {
  level: Level;
  sentence: string;
}

const order: Level[] = ["idle", "ok", "busy", "warning", "error"];

export function worst(levels: Level[]): Level {
  return levels.reduce((a, b) => (order.indexOf(b) > order.indexOf(a) ? b : a), "idle");
}

export function severityLevel(s: Severity): Level {
  return s === "info" ? "idle" : s;
}

export function destinationLevel(s: DestinationState): Level {
  return destinationLevels[s] ?? "warning";
}

const destinationLevels: Record<DestinationState, Level> = {
  disabled: "idle",
  starting: "busy",
  connecting: "busy",
  active: "ok",
  reconnecting: "warning",
  failed: "error",
};

// forwardLevel is that of a destination that gets segments, in time or later.
export function forwardLevel(s: ForwardState): Level {
  return forwardLevels[s] ?? "warning";
}

const forwardLevels: Record<ForwardState, Level> = {
  disabled: "idle",
  starting: "busy",
  live: "ok",
  behind: "busy",
  retrying: "warning",
  failed: "error",
};

export function inputLevel(s: InputState): Level {
  return inputLevels[s] ?? "warning";
}

const inputLevels: Record<InputState, Level> = {
  starting: "busy",
  running: "ok",
  retrying: "error",
  ended: "warning",
};

export function signalLevel(s: SignalState): Level {
  return signalLevels[s] ?? "warning";
}

const signalLevels: Record<SignalState, Level> = {
  ok: "ok",
  starting: "busy",
  no_signal: "warning",
  unstable: "warning",
  unsupported: "warning",
  stalled: "warning",
  device_lost: "error",
  encoder_recovering: "warning",
};

// signalNames say in words what a capture device delivers.
export const signalNames: Record<SignalState, string> = {
  ok: "Signal",
  starting: "Looking for a signal",
  no_signal: "No signal",
  unstable: "No lock on the signal",
  unsupported: "Signal not supported",
  stalled: "Pictures stopped",
  device_lost: "Device not there",
  encoder_recovering: "Encoder recovering",
};

// summarize describes the whole box.
export function summarize(box: Snapshot): Summary {
  const streams = box.streams;
  const held = [...box.conditions, ...streams.flatMap((s) => s.conditions)];
  if (streams.length === 0) return withConditions({ level: "idle", sentence: "Idle: no stream is configured" }, held);
  const parts = streams.map(describe);
  if (parts.length === 1) return withConditions(parts[0]!, held);
  return withConditions({ level: worst(parts.map((p) => p.level)), sentence: describeSeveral(streams) }, held);
}

// summarizeStream describes one stream.
export function summarizeStream(s: Stream): Summary {
  return withConditions(describe(s), s.conditions);
}

// withConditions says that there are conditions where they are worse than all else.
function withConditions(of: Summary, conditions: readonly Condition[]): Summary {
  const level = worst([of.level, ...conditions.map(conditionLevel)]);
  if (level === of.level || (level !== "warning" && level !== "error")) return { level, sentence: of.sentence };
  const many = conditions.filter((c) => conditionLevel(c) === level).length;
  return { level, sentence: `${of.sentence}, with ${plural(many, level)}` };
}

function conditionLevel(c: Condition): Level {
  return severityLevel(c.severity);
}

function describe(s: Stream): Summary {
  switch (s.input.state) {
    case "starting":
      return { level: "busy", sentence: "Starting: waiting for the input" };
    case "retrying":
      return { level: "error", sentence: "Off air: the input failed" };
    case "ended":
      return { level: "warning", sentence: "Off air: the input has ended" };
  }
  const delivery = s.off_air ? offAir(s.off_air) : describeDelivery(s.destinations, served(s));
  const signal = s.input.signal;
  if (!signal || signal.state === "ok" || signal.state === "starting") return delivery;
  const why = signalNames[signal.state] ?? signal.state;
  return { level: worst([delivery.level, signalLevel(signal.state)]), sentence: `${why}. ${delivery.sentence}` };
}

function offAir(why: string): Summary {
  return { level: "idle", sentence: `Off the air: ${why}` };
}

// served says that players on this network can see the stream.
function served(s: Stream): boolean {
  return s.hls !== null && (s.hls.url !== "" || !!s.hls.dash);
}

function describeDelivery(all: Destination[], served: boolean): Summary {
  const wanted = all.filter((d) => d.state !== "disabled");
  const active = wanted.filter((d) => d.state === "active").length;
  const level = worst(["ok", ...wanted.map((d) => destinationLevel(d.state))]);
  if (wanted.length === 0) {
    const reach = served ? "on this network" : "nowhere to be seen";
    return { level: served ? "ok" : "warning", sentence: `Live ${reach}: no destination is ${all.length ? "enabled" : "configured"}` };
  }
  if (active === wanted.length) {
    const what = active === 1 ? "the destination is" : active === 2 ? "both destinations are" : `all ${active} destinations are`;
    return { level, sentence: `Live: ${what} active` };
  }
  const share = `${active} of ${plural(wanted.length, "destination")}`;
  if (active > 0) return { level, sentence: `Live: ${share} active` };
  if (level === "busy") return { level, sentence: `Starting: ${share} active` };
  return { level: "error", sentence: `Not delivering: ${share} active` };
}

function describeSeveral(streams: Stream[]): string {
  const running = streams.filter((s) => s.input.state === "running");
  const wanted = streams.flatMap((s) => s.destinations).filter((d) => d.state !== "disabled");
  const active = wanted.filter((d) => d.state === "active");
  const inputs = running.length === streams.length ? `all ${streams.length} streams` : `${running.length} of ${streams.length} streams`;
  const out = wanted.length === 0 ? "" : `, ${active.length} of ${plural(wanted.length, "destination")} active`;
  return `${running.length > 0 ? "Live" : "Off air"}: ${inputs}${out}`;
}

// Playback is what the player knows of itself; the reasons for its states are
// the stream's to tell.
export type Playback = "none" | "loading" | "playing" | "stalled" | "blocked" | "failed";

// pictureMessage says why there is no moving picture; null when there is one.
export function pictureMessage(stream: Stream, playback: Playback, online: boolean): string | null {
  if (playback === "playing") return null;
  if (!online) return "Connection to the box lost";
  if (playback === "blocked") return "Press play to start the picture";
  switch (stream.input.state) {
    case "starting":
      return "Waiting for the input";
    case "retrying":
      return "Input failed";
    case "ended":
      return "The input has ended";
  }
  if (!stream.hls || !served(stream)) return "This stream is not served on this network";
  if (stream.hls.url === "") return "The picture here needs HLS, which is switched off";
  if (stream.hls.segments === 0) return "Waiting for the first segment";
  if (playback === "failed") return "The picture cannot be played; trying again";
  return playback === "stalled" ? "Waiting for the stream" : "Loading the picture";
}
