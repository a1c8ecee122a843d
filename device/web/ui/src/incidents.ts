// The flight recorder's incidents: where they lie on a time line, and how they
// read. Pure functions.

import { bytes, clock, count, plural } from "./format.ts";
import type { Level } from "./summary.ts";

export type Kind = "gap" | "drop" | "late" | "restart";
export type Blame = "input" | "encoder" | "disk" | "link" | "server" | "clock";

export interface Incident {
  id: number;
  at?: string; // absent for a boot whose time was never known
  until?: string;
  ongoing?: boolean;
  boot: string;
  uptime: number; // s
  lasted: number; // s
  stream: string;
  subject: string;
  kind: Kind;
  symptom: string;
  blame: Blame;
  because: string;
  detail: string;
  count: number;
  amount: { packets?: number; segments?: number; bytes?: number; seconds?: number };
}

export interface Incidents {
  boot: { id: string; began: string; clock: boolean };
  incidents: Incident[]; // newest first
  next: number; // 0 when these are all
}

export const blames: readonly { blame: Blame; name: string; title: string }[] = [
  { blame: "input", name: "Input", title: "the source: cable, camera, file" },
  { blame: "encoder", name: "Encoder", title: "the encoder, and the box itself" },
  { blame: "disk", name: "Disk", title: "storage: full, gone, slow, read-only" },
  { blame: "link", name: "Link", title: "the network between the box and a receiver" },
  { blame: "server", name: "Server", title: "a receiver" },
  { blame: "clock", name: "Clock", title: "the time of day was set or is not known" },
];

export const kinds: Record<Kind, { name: string; level: Level; title: string }> = {
  gap: { name: "Gap", level: "error", title: "something is missing and stays so" },
  drop: { name: "Drop", level: "warning", title: "the box left something out" },
  late: { name: "Late", level: "busy", title: "it came later than it should" },
  restart: { name: "Restart", level: "idle", title: "a connection, a device or the box began anew" },
};

const worstFirst: Kind[] = ["gap", "drop", "late", "restart"];

export type Zoom = "1h" | "24h" | "all";

export const zooms: Record<Zoom, { name: string; words: string; span: number; query: string }> = {
  "1h": { name: "1 h", words: "in the last hour", span: 3_600_000, query: "from=1h&limit=2000" },
  "24h": { name: "24 h", words: "in the last 24 hours", span: 86_400_000, query: "from=24h&limit=2000" },
  all: { name: "All", words: "on record", span: 0, query: "limit=5000" },
};

// Mark is what is drawn of incidents that lie too close to be told apart.
export interface Mark {
  left: number; // % of the line
  width: number;
  kind: Kind; // the worst
  incidents: Incident[];
  ongoing: boolean;
}

const apart = 0.9; // % of the line: what is closer is one mark

// span is the part of time that is shown, in ms: its end is now, moved on in steps
// so that the line is not drawn anew every second.
export function span(zoom: Zoom, now: number, all: readonly Incident[]): { from: number; to: number } {
  const least = zooms["1h"].span;
  let length = zooms[zoom].span;
  if (length === 0) {
    const first = all.reduce((t, i) => (i.at ? Math.min(t, Date.parse(i.at)) : t), now - least);
    length = (now - first) * 1.02;
  }
  const step = length / 360;
  const to = Math.ceil(now / step) * step;
  return { from: to - length, to };
}

// marks are those of one lane, from the left to the right.
export function marks(all: readonly Incident[], blame: Blame, from: number, to: number): Mark[] {
  const placed = all
    .filter((i) => i.blame === blame && i.at !== undefined)
    .map((i) => {
      const begin = Date.parse(i.at!);
      const end = i.ongoing ? to : Date.parse(i.until ?? i.at!);
      return { i, left: percent(begin, from, to), right: percent(end, from, to), begin, end };
    })
    .filter((p) => p.end >= from && p.begin <= to)
    .sort((a, b) => a.left - b.left);
  const out: Mark[] = [];
  for (const p of placed) {
    const last = out[out.length - 1];
    if (last && p.left < last.left + last.width + apart) {
      last.width = Math.max(last.width, p.right - last.left);
      last.incidents.push(p.i);
      last.kind = worse(last.kind, p.i.kind);
      last.ongoing ||= p.i.ongoing === true;
    } else {
      out.push({ left: p.left, width: p.right - p.left, kind: p.i.kind, incidents: [p.i], ongoing: p.i.ongoing === true });
    }
  }
  return out;
}

function percent(t: number, from: number, to: number): number {
  return Math.min(100, Math.max(0, ((t - from) / (to - from)) * 100));
}

function worse(a: Kind, b: Kind): Kind {
  return worstFirst.indexOf(a) <= worstFirst.indexOf(b) ? a : b;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const steps = [5, 10, 15, 30].map((m) => m * minute).concat([1, 2, 3, 4, 6, 12].map((h) => h * hour), [1, 2, 7, 14, 30, 90, 365].map((d) => d * day));

// ticks are round times of this machine's time zone, at most `most` of them.
export function ticks(from: number, to: number, most: number): { left: number; text: string }[] {
  const step = steps.find((s) => (to - from) / s <= most) ?? (to - from) / most;
  const zone = new Date(to).getTimezoneOffset() * minute;
  const out = [];
  for (let t = Math.ceil((from - zone) / step) * step + zone; t < to; t += step) {
    const left = percent(t, from, to);
    if (left < 3 || left > 97) continue;
    out.push({ left, text: tickText(new Date(t), step) });
  }
  return out;
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function tickText(at: Date, step: number): string {
  if (step >= day) return `${at.getDate()} ${months[at.getMonth()]}`;
  return `${at.getHours().toString().padStart(2, "0")}:${at.getMinutes().toString().padStart(2, "0")}`;
}

// subject is whose trouble it was, in words.
export function subject(i: Incident, streams: number): string {
  const what = i.subject.replace(/^destination /, "");
  return streams > 1 && i.stream ? `${i.stream} · ${what}` : what;
}

// lasted is for how long; "" for a moment.
export function lasted(i: Incident): string {
  if (i.ongoing) return "goes on";
  if (i.lasted >= 60) return `for ${clock(i.lasted * 1000)}`;
  return i.lasted >= 1 ? `for ${Math.round(i.lasted)} s` : "";
}

// amount is what was lost or late; "" where nobody knows.
export function amount(i: Incident): string {
  const { packets = 0, segments = 0, bytes: size = 0 } = i.amount;
  const parts = [];
  if (segments > 0) parts.push(many(segments, "segment"));
  if (packets > 0) parts.push(many(packets, i.symptom === "skipped" ? "picture" : "packet"));
  if (size > 0) parts.push(bytes(size));
  return parts.join(", ");
}

function many(n: number, thing: string): string {
  return plural(n, thing).replace(/^\d+/, count(n));
}

// uptimeText says when, of a boot whose time of day was never known.
export function uptimeText(i: Incident): string {
  return `${clock(i.uptime * 1000)} after a start`;
}
