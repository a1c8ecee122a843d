// The history of a stream's bit rate, read each second while it is looked at.

import { Missing } from "./api.ts";
import { Backoff } from "./backoff.ts";
import { merge } from "./ratehistory.ts";
import type { Answer, History } from "./ratehistory.ts";

const every = 1000; // ms
const missingAgain = 60_000; // ms: an update of the box may bring it

export interface Feed {
  history: History | null;
  missing: boolean; // the box keeps none of this stream
  failed: boolean; // the last try did not work
}

export interface Timers {
  set(f: () => void, ms: number): unknown;
  clear(id: unknown): void;
}

const browser: Timers = { set: (f, ms) => setTimeout(f, ms), clear: (id) => clearTimeout(id as number) };

// RateFeed asks for what it has not yet, from one request at a time.
export class RateFeed {
  private feed: Feed = { history: null, missing: false, failed: false };
  private since = 0;
  private timer: unknown;
  private watched = false;
  private asking = false;
  private closed = false;
  private readonly backoff = new Backoff(every, 10_000);

  constructor(
    private readonly stream: string,
    private readonly get: (path: string) => Promise<Answer>,
    private readonly changed: (f: Feed) => void,
    private readonly timers: Timers = browser,
  ) {}

  // watch says whether anybody looks.
  watch(watched: boolean): void {
    if (watched === this.watched) return;
    this.watched = watched;
    this.timers.clear(this.timer);
    if (watched) void this.ask();
  }

  close(): void {
    this.closed = true;
    this.timers.clear(this.timer);
  }

  private async ask(): Promise<void> {
    if (this.asking || this.closed || !this.watched) return;
    this.asking = true;
    let wait: number;
    try {
      wait = this.take(await this.get(path(this.stream, this.since)));
    } catch (err) {
      wait = this.fail(err);
    }
    this.asking = false;
    if (this.closed) return;
    this.changed(this.feed);
    this.timers.clear(this.timer);
    if (this.watched) this.timer = this.timers.set(() => void this.ask(), wait);
  }

  private take(a: Answer): number {
    this.backoff.reset();
    if (a.next < this.since) {
      // The daemon began anew. What it has, an answer to its predecessor's number may leave out.
      this.since = 0;
      return 0;
    }
    this.feed = { history: merge(this.since === 0 ? null : this.feed.history, a), missing: false, failed: false };
    this.since = a.next;
    return every;
  }

  private fail(err: unknown): number {
    const missing = err instanceof Missing;
    if (missing) this.since = 0;
    this.feed = { history: missing ? null : this.feed.history, missing, failed: !missing };
    return missing ? missingAgain : this.backoff.next();
  }
}

function path(stream: string, since: number): string {
  return `api/v1/streams/${encodeURIComponent(stream)}/rate?since=${since}`;
}
