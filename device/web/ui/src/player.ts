// The live picture: hls.js where the browser has Media Source Extensions, the
// browser's own HLS elsewhere. Whatever goes wrong, it begins again by itself.

import type Hls from "hls.js";
import { Backoff } from "./backoff.ts";
import type { Playback } from "./summary.ts";

const checkEvery = 1000;
const stallLimit = 10_000; // ms without progress, after which the player is made anew
const rebuildSpacing = 5000; // ms: a media error this soon after another is not repaired in place

export interface PlayerReport {
  playback: Playback;
  muted: boolean;
  at: number; // of this report, on this machine's clock
  shownAt: number | null; // when the picture on screen was made, on the box's clock
  behind: number | null; // seconds behind the playlist's end
}

export class Player {
  private url: string | null = null;
  private segment = 2;
  private hls: Hls | null = null;
  private generation = 0; // of the source; what an older one reports is void
  private playback: Playback = "none";
  private blocked = false;
  private expected = false;
  private broken = false; // no more is loaded
  private position = 0;
  private progressAt = 0;
  private repairedAt = -Infinity;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly backoff = new Backoff(1000, 8000);

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly report: (r: PlayerReport) => void,
  ) {
    // The property alone does not count as muted for autoplay everywhere.
    video.muted = true;
    video.defaultMuted = true;
    this.timer = setInterval(() => this.check(), checkEvery);
    for (const e of ["playing", "timeupdate"]) video.addEventListener(e, this.onProgress);
    video.addEventListener("volumechange", this.onReport);
    video.addEventListener("error", this.onNativeError);
    video.addEventListener("ended", this.onNativeError);
  }

  // load plays an address; the same one again changes nothing. null stops.
  // segment is about how long its segments are, in seconds.
  load(url: string | null, segment: number): void {
    if (url === this.url) return;
    this.url = url;
    this.segment = segment > 0 ? segment : 2;
    this.backoff.reset();
    this.restart();
  }

  // expect says whether the stream gives new pictures now. While it does not,
  // the last one stays: to begin anew would show the window's end again and again.
  expect(pictures: boolean): void {
    if (pictures === this.expected) return;
    this.expected = pictures;
    if (pictures && (this.playback === "stalled" || this.playback === "failed")) this.restart();
  }

  // restart begins the same address anew, at its live end.
  restart(): void {
    this.teardown();
    if (!this.url) return this.set("none");
    this.set("loading");
    void this.begin(this.url, this.generation);
  }

  // play is for a browser that did not start by itself.
  play(): void {
    this.blocked = false;
    this.video.play().catch((e: unknown) => {
      // Superseded by a new source, or refused until a person asks.
      if (e instanceof DOMException && e.name === "NotAllowedError") {
        this.blocked = true;
        this.set("blocked");
      }
    });
  }

  setMuted(muted: boolean): void {
    this.video.muted = muted;
    if (!muted && this.video.volume === 0) this.video.volume = 1;
  }

  close(): void {
    clearInterval(this.timer);
    this.teardown();
    for (const e of ["playing", "timeupdate"]) this.video.removeEventListener(e, this.onProgress);
    this.video.removeEventListener("volumechange", this.onReport);
    this.video.removeEventListener("error", this.onNativeError);
    this.video.removeEventListener("ended", this.onNativeError);
  }

  private async begin(url: string, generation: number): Promise<void> {
    this.progressAt = performance.now();
    if (!("MediaSource" in window) && !("ManagedMediaSource" in window)) {
      this.video.src = url;
      return this.play();
    }
    const { default: HlsPlayer } = await import("hls.js");
    if (generation !== this.generation) return;
    const hls = new HlsPlayer({
      enableWorker: false, // there is nothing to remultiplex: the segments are CMAF
      // A segment is whole before it is listed, and the list is read once a segment.
      liveSyncDuration: 2.5 * this.segment,
      liveMaxLatencyDuration: 8 * this.segment,
      maxLiveSyncPlaybackRate: 1.05,
      backBufferLength: 10,
      maxBufferLength: 20,
      liveDurationInfinity: true,
    });
    this.hls = hls;
    hls.on(HlsPlayer.Events.ERROR, (_, e) => {
      if (!e.fatal || this.hls !== hls) return;
      if (e.type === HlsPlayer.ErrorTypes.MEDIA_ERROR && performance.now() - this.repairedAt > rebuildSpacing) {
        this.repairedAt = performance.now();
        hls.recoverMediaError();
      } else if (e.type === HlsPlayer.ErrorTypes.NETWORK_ERROR && this.playback === "playing") {
        this.broken = true; // what is buffered is still worth showing
      } else {
        this.failed();
      }
    });
    hls.on(HlsPlayer.Events.MANIFEST_PARSED, () => this.play());
    hls.attachMedia(this.video);
    hls.loadSource(url);
  }

  private teardown(): void {
    this.generation++;
    clearTimeout(this.retry);
    this.hls?.destroy();
    this.hls = null;
    this.blocked = false;
    this.broken = false;
    if (this.video.hasAttribute("src")) {
      this.video.removeAttribute("src");
      this.video.load();
    }
  }

  private failed(): void {
    this.teardown();
    this.set("failed");
    this.retry = setTimeout(() => this.expected && this.restart(), this.backoff.next());
  }

  private readonly onNativeError = (): void => {
    if (this.hls === null && this.video.hasAttribute("src")) this.failed();
  };

  private readonly onProgress = (): void => {
    if (this.video.currentTime === this.position) return;
    this.position = this.video.currentTime;
    this.progressAt = performance.now();
    this.backoff.reset();
    this.set("playing");
  };

  // check looks once a second whether the picture moves.
  private check(): void {
    const still = performance.now() - this.progressAt;
    if (this.playback === "none" || this.playback === "failed" || this.blocked) return;
    if (this.video.paused && this.playback === "playing") {
      // Another tab's sound, a phone call, a headset: live goes on.
      if (!document.hidden) this.play();
    } else if (still > (this.broken ? 1500 : stallLimit) && this.expected && !document.hidden) {
      return this.failed();
    } else if (still > 2000 && this.playback === "playing") {
      return this.set("stalled");
    }
    this.onReport();
  }

  private set(playback: Playback): void {
    this.playback = playback;
    this.onReport();
  }

  private readonly onReport = (): void => {
    this.report({
      playback: this.playback,
      muted: this.video.muted,
      shownAt: this.shownAt(),
      at: Date.now(),
      behind: this.hls && this.hls.latency > 0 ? this.hls.latency : null,
    });
  };

  private shownAt(): number | null {
    if (this.playback !== "playing") return null;
    if (this.hls) return this.hls.playingDate?.getTime() ?? null;
    const video = this.video as HTMLVideoElement & { getStartDate?: () => Date };
    const start = video.getStartDate?.().getTime();
    return start ? start + video.currentTime * 1000 : null; // NaN: no date in the playlist
  }
}
