// What the page knows: the newest snapshot and what is kept of earlier ones.
// State is immutable; each change is a new one.

import { BoxClock } from "./clock.ts";
import type { Listener } from "./connection.ts";
import { add, type Point } from "./history.ts";
import type { LogEvent, Snapshot } from "./types.ts";

const eventsKept = 100;

export interface State {
  box: Snapshot | null;
  online: boolean;
  retryAt: number | null; // this machine's clock
  now: number; // this machine's clock
  boxNow: number; // the box's clock
  events: readonly LogEvent[]; // newest first
  history: Readonly<Record<string, readonly Point[]>>; // video bitrate, by stream
  chosen: string | null; // the stream a person picked
}

export class Store implements Listener {
  private readonly clock = new BoxClock();
  private pending = false;
  state: State;

  constructor(private readonly changed: (s: State) => void) {
    const now = Date.now();
    this.state = { box: null, online: true, retryAt: null, now, boxNow: now, events: [], history: {}, chosen: null };
  }

  snapshot(box: Snapshot): void {
    const at = Date.parse(box.time);
    this.clock.heard(at, Date.now());
    const events = this.state.box && this.state.box.started !== box.started ? this.since(box.started) : this.state.events;
    const history: Record<string, readonly Point[]> = {};
    for (const s of box.streams) {
      const points = this.state.history[s.name] ?? [];
      history[s.name] = s.video && s.input.state === "running" ? add(points, { at, value: s.video.bitrate }) : points;
    }
    this.set({ box, events, history });
  }

  // since drops what a daemon that has ended had logged.
  private since(started: string): readonly LogEvent[] {
    return this.state.events.filter((e) => Date.parse(e.time) >= Date.parse(started));
  }

  event(e: LogEvent, first: boolean): void {
    const before = first ? [] : this.state.events.filter((old) => old.sequence < e.sequence);
    this.set({ events: [e, ...before].slice(0, eventsKept) });
  }

  link(online: boolean, retryAt: number | null): void {
    if (online !== this.state.online || retryAt !== this.state.retryAt) this.set({ online, retryAt });
  }

  choose(stream: string): void {
    this.set({ chosen: stream });
  }

  tick(): void {
    this.set({});
  }

  // set gathers what comes in one go into one redrawing.
  private set(part: Partial<State>): void {
    const now = Date.now();
    const next = { ...this.state, ...part, now };
    // Nothing is known of a box out of reach: its running times stand.
    if (next.online) next.boxNow = this.clock.at(now);
    this.state = next;
    if (this.pending) return;
    this.pending = true;
    queueMicrotask(() => {
      this.pending = false;
      this.changed(this.state);
    });
  }
}
