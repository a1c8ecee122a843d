import type { State as PageState } from "../store.ts";
import type { Summary } from "../summary.ts";
import type { Stream } from "../types.ts";
import { Alerts } from "./alerts.tsx";
import { Destinations } from "./destinations.tsx";
import { Encoder } from "./encoder.tsx";
import { Flight } from "./flight.tsx";
import { Head } from "./head.tsx";
import { HlsPanel } from "./hls.tsx";
import { InputPanel } from "./input.tsx";
import { Log } from "./log.tsx";
import { Panel } from "./parts.tsx";
import { Picture } from "./picture.tsx";
import { RatePanel } from "./rate.tsx";
import { RecordingPanel } from "./recording.tsx";
import { StreamTabs } from "./tabs.tsx";

interface Props {
  state: PageState;
  summary: Summary | null;
  choose(stream: string): void;
}

export function Page({ state, summary, choose }: Props) {
  const box = state.box;
  const streams = box?.streams ?? [];
  const stream =
    streams.find((s) => s.name === state.chosen) ?? streams.find((s) => s.default) ?? streams[0];
  return (
    <>
      <Head state={state} summary={summary} />
      {!state.online && <Lost state={state} />}
      {/* The one region that is read out: the sentence, and only as it changes. */}
      <p class="unseen" role="status" aria-live="polite">
        {state.online ? summary?.sentence : "Connection to the box lost"}
      </p>
      {box && (
        <main class={state.online ? undefined : "stale"}>
          <Alerts box={box} boxNow={state.boxNow} />
          {streams.length > 1 && stream && <StreamTabs streams={streams} chosen={stream.name} choose={choose} />}
          <div class="deck">
            <div class="front">
              {stream ? <Picture stream={stream} state={state} /> : <NoStream />}
              {stream && <Destinations key={stream.name} stream={stream} boxNow={state.boxNow} now={state.now} />}
              {stream?.rate && <RatePanel key={`rate ${stream.name} ${box.started}`} stream={stream.name} rate={stream.rate} video={stream.video} now={state.now} />}
              {stream && <RecordingPanel key={`rec ${stream.name}`} stream={stream} now={state.now} />}
              <Flight started={box.started} boxNow={state.boxNow} now={state.now} streams={streams.length} />
            </div>
            <div class="side">
              {stream && <Facts key={stream.name} stream={stream} state={state} />}
              <Log events={state.events} streams={streams.length} now={state.now} />
            </div>
          </div>
        </main>
      )}
      {box && <Foot />}
    </>
  );
}

function Facts({ stream, state }: { stream: Stream; state: PageState }) {
  return (
    <div class="facts-of">
      <InputPanel input={stream.input} boxNow={state.boxNow} />
      <Encoder stream={stream} points={state.history[stream.name] ?? []} boxNow={state.boxNow} />
      <HlsPanel hls={stream.hls} />
    </div>
  );
}

function Foot() {
  return (
    <footer class="foot">
      <a href="api/v1/status">Status as JSON</a>
      <a href="licenses.txt">Licences</a>
    </footer>
  );
}

function NoStream() {
  return (
    <Panel id="nothing" title="No stream is configured">
      <p class="none">
        A stream is an input, its encoding and its destinations. Add one to the box's configuration file, for instance
        a test pattern, and let the box read it again:
      </p>
      <pre>{'[streams.main.input]\nkind = "pattern"'}</pre>
    </Panel>
  );
}

function Lost({ state }: { state: PageState }) {
  const wait = state.retryAt === null ? 0 : Math.ceil((state.retryAt - state.now) / 1000);
  return (
    <div class="lost" role="alert">
      <strong>{state.box ? "Connection to the box lost" : "The box does not answer"}</strong>
      {state.box && <span>The values below are from before that.</span>}
      <span class="when" aria-hidden="true">
        {wait > 0 ? `Trying again in ${wait} s` : "Trying again…"}
      </span>
    </div>
  );
}
