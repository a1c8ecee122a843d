import { useEffect, useRef, useState } from "preact/hooks";
import { countdown } from "../format.ts";
import { Player, type PlayerReport } from "../player.ts";
import type { State as PageState } from "../store.ts";
import { pictureMessage } from "../summary.ts";
import type { Stream } from "../types.ts";

const nothing: PlayerReport = { playback: "none", muted: true, at: 0, shownAt: null, behind: null };

// Picture is the stream as viewers see it, seconds after it happened.
export function Picture({ stream, state }: { stream: Stream; state: PageState }) {
  const video = useRef<HTMLVideoElement>(null);
  const whole = useRef<HTMLElement>(null);
  const player = useRef<Player | null>(null);
  const [report, setReport] = useState(nothing);

  useEffect(() => {
    player.current = new Player(video.current!, setReport);
    return () => player.current?.close();
  }, []);

  const hls = stream.hls;
  // What plays goes on to its end when the flow stops, and is not begun then.
  const flowing = state.online && stream.input.state === "running" && !!hls && hls.url !== "" && hls.segments > 0;
  const loaded = useRef<string | null>(null);
  if (flowing) loaded.current = hls.url;
  else if (loaded.current !== hls?.url) loaded.current = null;
  const url = loaded.current;

  const segment = Math.max(hls?.target_duration ?? 0, hls?.last_duration ?? 0);
  useEffect(() => player.current!.load(url, segment), [url]);
  useEffect(() => player.current!.expect(flowing), [flowing]);
  // A new daemon, or a stream begun anew, shares nothing with what was buffered.
  const run = useRun(url, state.box?.started, hls?.last_sequence);
  useEffect(() => {
    if (run > 0) player.current!.restart();
  }, [run]);

  const message = pictureMessage(stream, report.playback, state.online);
  const playing = report.playback === "playing";
  const shape = stream.video && stream.video.height > 0 ? `${stream.video.width} / ${stream.video.height}` : "16 / 9";
  return (
    <section ref={whole} class="panel picture" aria-label="Live picture">
      <div class={`frame${playing ? "" : " still"}`} style={{ aspectRatio: shape }}>
        <video ref={video} playsInline disableRemotePlayback aria-label={`Live picture of ${stream.name}`} />
        {!stream.video && stream.audio && playing && <p class="overlay">Sound only</p>}
        {message !== null && (
          <div class="overlay">
            {flowing && report.playback !== "blocked" && <span class="spinner" aria-hidden="true" />}
            <p class="message">{message}</p>
            <Reason stream={stream} state={state} />
            {report.playback === "blocked" && (
              <button type="button" class="play" onClick={() => player.current!.play()}>
                Play
              </button>
            )}
          </div>
        )}
      </div>
      <div class="bar">
        <span class={`live${playing ? "" : " off"}`}>{playing ? "Live" : "No picture"}</span>
        <span class="delay" title="from the moment the box made this picture until now">
          {playing && delay(report, state)}
        </span>
        {stream.audio && (
          <button type="button" onClick={() => player.current!.setMuted(!report.muted)}>
            <Icon d={report.muted ? muted : sounding} />
            <span class="label">{report.muted ? "Unmute" : "Mute"}</span>
          </button>
        )}
        <button type="button" onClick={() => toggleFullscreen(whole.current!, video.current!)}>
          <Icon d={corners} />
          <span class="label">Full screen</span>
        </button>
      </div>
    </section>
  );
}

function Reason({ stream, state }: { stream: Stream; state: PageState }) {
  const input = stream.input;
  if (!state.online || !input.error) return null;
  return (
    <>
      <p class="reason">{input.error}</p>
      {input.retry && <p class="when">Next try {countdown(Date.parse(input.retry) - state.boxNow)}</p>}
    </>
  );
}

function Icon({ d }: { d: string }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={d} />
    </svg>
  );
}

const speaker = "M2 6h2.5L8 3v10L4.5 10H2z";
const muted = `${speaker}M10.5 6l4 4M14.5 6l-4 4`;
const sounding = `${speaker}M10.5 5.5a3.5 3.5 0 0 1 0 5M12.5 3.5a6.4 6.4 0 0 1 0 9`;
const corners = "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4";

// delay is how long ago the picture on screen was made, as well as can be told.
function delay(r: PlayerReport, state: PageState): string {
  const made = r.shownAt === null ? null : (r.at - (state.now - state.boxNow) - r.shownAt) / 1000;
  const s = made !== null && made >= 0 && made < 3600 ? made : r.behind;
  return s === null ? "" : `${s.toFixed(1)} s behind`;
}

// useRun counts how often what is at the address has begun anew.
function useRun(url: string | null, started: string | undefined, lastSequence: number | undefined): number {
  const seen = useRef({ url, started, lastSequence, run: 0 });
  const s = seen.current;
  const daemon = s.started !== undefined && started !== undefined && s.started !== started;
  const back = s.lastSequence !== undefined && lastSequence !== undefined && lastSequence < s.lastSequence;
  const anew = s.url === url && (daemon || back);
  seen.current = { url, started: started ?? s.started, lastSequence, run: s.run + (anew ? 1 : 0) };
  return seen.current.run;
}

// toggleFullscreen takes the picture with its controls; iPhones allow only the video.
function toggleFullscreen(whole: HTMLElement, video: HTMLVideoElement & { webkitEnterFullscreen?: () => void }): void {
  if (document.fullscreenElement) void document.exitFullscreen();
  else if (whole.requestFullscreen) whole.requestFullscreen().catch(() => undefined);
  else video.webkitEnterFullscreen?.();
}
