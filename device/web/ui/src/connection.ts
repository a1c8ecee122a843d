// The connection to the box: its event stream while the page is looked at, and
// a look at the status now and then while it is not, since a browser grants a
// box only six connections for all its tabs. It ends never, and comes back by
// itself.

import { Backoff } from "./backoff.ts";
import type { LogEvent, Snapshot } from "./types.ts";

const quietLimit = 12_000; // ms without a message, after which the box is asked
const pollEvery = 5_000;
const askLimit = 5_000;

export interface Listener {
  snapshot(s: Snapshot): void;
  // event passes one line of the log; first says that it begins the log anew.
  event(e: LogEvent, first: boolean): void;
  // link reports whether the box answers; retryAt is when it is asked next.
  link(online: boolean, retryAt: number | null): void;
}

export class Connection {
  private source: EventSource | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly backoff = new Backoff(1000, 10_000);

  constructor(private readonly to: Listener) {
    document.addEventListener("visibilitychange", () => this.start());
    window.addEventListener("online", () => this.start());
    window.addEventListener("pageshow", (e) => e.persisted && this.start());
  }

  // start connects anew, in the way that fits.
  start(): void {
    this.stop();
    if (document.hidden) void this.poll();
    else this.listen();
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  private listen(): void {
    const source = new EventSource("api/v1/events");
    this.source = source;
    let first = true;
    // Its own reconnecting is blind to some failures and does not back off.
    source.onerror = () => this.source === source && this.failed();
    source.addEventListener("status", (e: MessageEvent<string>) => {
      this.heard();
      this.to.snapshot(JSON.parse(e.data) as Snapshot);
    });
    source.addEventListener("log", (e: MessageEvent<string>) => {
      this.heard();
      this.to.event(JSON.parse(e.data) as LogEvent, first);
      first = false;
    });
    this.watch();
  }

  private heard(): void {
    this.backoff.reset();
    this.to.link(true, null);
    this.watch();
  }

  // watch asks the box when its event stream has gone quiet: a cable pulled
  // out shows in no other way.
  private watch(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const source = this.source;
      void this.ask().then((s) => {
        if (this.source !== source) return;
        if (!s) return this.failed();
        this.to.snapshot(s);
        this.start();
      });
    }, quietLimit);
  }

  private async poll(): Promise<void> {
    const s = await this.ask();
    if (!document.hidden) return; // shown meanwhile: start has been called
    if (s) {
      this.to.link(true, null);
      this.to.snapshot(s);
    } else {
      this.to.link(false, Date.now() + pollEvery);
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.poll(), pollEvery);
  }

  private async ask(): Promise<Snapshot | null> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), askLimit);
    try {
      const answer = await fetch("api/v1/status", { signal: limit.signal, cache: "no-store" });
      return answer.ok ? ((await answer.json()) as Snapshot) : null;
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  private failed(): void {
    this.stop();
    const wait = this.backoff.next();
    this.to.link(false, Date.now() + wait);
    this.timer = setTimeout(() => this.start(), wait);
  }
}
