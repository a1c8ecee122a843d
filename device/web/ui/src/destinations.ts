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

export type Command = "pause" | "resume" | "retry";

// commands are those that make sense now; none while the configuration has it disabled.
export function commands(d: Destination): Command[] {
  if (d.paused) return ["resume"];
  if (d.state === "disabled") return d.held ? ["pause"] : [];
  const failing = d.state === "failed" || d.state === "reconnecting";
  return failing ? ["retry", "pause"] : ["pause"];
}

export function commandPath(stream: string, destination: string, c: Command): string {
  return `api/v1/streams/${encodeURIComponent(stream)}/destinations/${encodeURIComponent(destination)}/${c}`;
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
