import { bytes, clock } from "../format.ts";
import type { State as PageState } from "../store.ts";
import type { Summary } from "../summary.ts";
import { Mark } from "./parts.tsx";

export function Head({ state, summary }: { state: PageState; summary: Summary | null }) {
  const box = state.box;
  const level = state.online ? (summary?.level ?? "idle") : "error";
  const sentence = state.online ? (summary?.sentence ?? "Connecting to the box…") : "No connection";
  return (
    <header class="head">
      <div class="who">
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
          <path d="M3 8.5A3.5 3.5 0 0 1 6.5 5h12A3.5 3.5 0 0 1 22 8.5v2.7l7-3.8v17.2l-7-3.8v2.7a3.5 3.5 0 0 1-3.5 3.5h-12A3.5 3.5 0 0 1 3 23.5z" />
        </svg>
        <h1>
          <span class="host">{box?.hostname ?? location.hostname}</span>
          <span class="product">EncoderBox{box && ` ${box.version}`}</span>
        </h1>
      </div>
      <p class={`overall ${level}`}>
        <Mark level={level} />
        <span>{sentence}</span>
      </p>
      {box && (
        <dl class="vitals">
          <Vital name="Up" wide>
            {clock(state.boxNow - Date.parse(box.started))}
          </Vital>
          <Vital name="CPU" title="of one core, used by the daemon">
            {box.process.cpu_percent.toFixed(0)} %
          </Vital>
          <Vital name="Memory" title="used by the daemon">
            {bytes(box.process.rss_bytes)}
          </Vital>
        </dl>
      )}
    </header>
  );
}

function Vital(props: { name: string; children: preact.ComponentChildren; title?: string; wide?: boolean }) {
  return (
    <div class={props.wide ? "wide" : undefined} title={props.title}>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}
