// How destinations and their groups read, and what can be asked of them.

import type { Level } from "./summary.ts";
import type { Cause, Destination, Group } from "./types.ts";

// causes say in words where on the way to a receiver a failure was.
const causes: Record<Cause, string> = {
  local: "the box itself: its configuration, or the stream's tracks",
  dns: "the receiver's name has no address",
  network: "no way to the receiver, or no answer",
  refused: "nothing listens at the address",
  tls: "the certificate, or the encryption, was refused",
  auth: "wrong or missing key or password",
  rejected: "the receiver said no",
  stalled: "the receiver takes no data",
  closed: "the receiver ended the connection",
};

export function causeText(c: Cause): string {
  return causes[c] ?? c;
}

// levelOf is the level of its state, or that of its alarm.
export function levelOf(d: Destination, usual: Level): Level {
  return d.alarm && usual === "ok" ? "warning" : usual;
}

// trouble is how much a destination asks for a person: 2 it failed, 1 it is being
// tried again or does not get all of the stream, 0 neither.
export function trouble(d: Destination, ailing: ReadonlySet<string>): number {
  if (d.state === "disabled") return 0;
  if (d.state === "failed" || d.forward?.state === "failed") return 2;
  const tried = d.state === "reconnecting" || d.forward?.state === "retrying";
  return tried || !!d.alarm || ailing.has(d.name) ? 1 : 0;
}

const calm = 20_000; // ms without trouble, after which a destination goes back to its place

// Order puts the destinations with trouble first, each sort in the order that it came
// in. One that comes and goes stays in front: what a person is about to press must not
// move away.
export class Order {
  private readonly seen = new Map<string, { trouble: number; at: number }>();

  of(all: readonly Destination[], ailing: ReadonlySet<string>, now: number): Destination[] {
    const ranks = new Map(all.map((d) => [d.name, this.rank(d, ailing, now)]));
    for (const name of this.seen.keys()) {
      if (!ranks.has(name)) this.seen.delete(name);
    }
    return [...all].sort((a, b) => ranks.get(b.name)! - ranks.get(a.name)!);
  }

  private rank(d: Destination, ailing: ReadonlySet<string>, now: number): number {
    const is = trouble(d, ailing);
    const was = this.seen.get(d.name);
    if (was && was.trouble > is && d.state !== "disabled" && now >= was.at && now - was.at < calm) return was.trouble;
    this.seen.set(d.name, { trouble: is, at: now });
    return is;
  }
}

export type Command = "pause" | "resume" | "retry" | "enable";

// commands are those that make sense now. What the configuration has disabled is enabled
// there, which not everybody may do.
export function commands(d: Destination, may: ReadonlySet<string>): Command[] {
  if (d.paused) return ["resume"];
  if (d.state === "disabled") return d.held ? ["pause"] : may.has("destination enable") ? ["enable"] : [];
  const failing = d.state === "failed" || d.state === "reconnecting";
  return failing ? ["retry", "pause"] : ["pause"];
}

const policies: Record<Group["policy"], string> = {
  independent: "independent",
  all: "all or none",
  primary_backup: "primary and backup",
};

// groupLine says what a group is and how it stands.
export function groupLine(g: Group): { level: Level; what: string; standing: string } {
  const what = `${policies[g.policy] ?? g.policy}: ${g.members.join(", ")}`;
  if (g.alarm) return { level: "error", what, standing: /^\d/.test(g.text) ? g.alarm : `${g.text}; ${g.alarm}` }; // a count would be there twice
  return { level: g.active > 0 ? "ok" : "idle", what, standing: g.text };
}

// groupOf is the group that a destination is in.
export function groupOf(d: Destination, groups: readonly Group[] | undefined): Group | undefined {
  return groups?.find((g) => g.members.includes(d.name));
}

// Step is one thing that a check tried.
export interface Step {
  name: string;
  verdict: "good" | "warning" | "bad" | "skipped";
  text: string;
}

// CheckLine is a line of a check's answer: steps as they end, the report last.
export interface CheckLine {
  step?: Step;
  report?: { go: boolean; reason: string };
}

export const stepLevels: Record<Step["verdict"], Level> = { good: "ok", warning: "warning", bad: "error", skipped: "idle" };

export function checkPath(stream: string, destination: string): string {
  return `api/v1/streams/${encodeURIComponent(stream)}/destinations/${encodeURIComponent(destination)}/preflight`;
}
