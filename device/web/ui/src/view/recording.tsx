import { useRef, useState } from "preact/hooks";
import { act } from "../api.ts";
import { bytes, clock, moment, plural } from "../format.ts";
import { usePoll } from "../poll.ts";
import * as rec from "../recordings.ts";
import type { Finished, Job, Recording, RecorderState, Recordings } from "../recordings.ts";
import type { Stream } from "../types.ts";
import { useAction } from "./action.ts";
import type { Run } from "./action.ts";
import { Fact, Panel, State, Sure } from "./parts.tsx";

const every = 3_000; // ms

interface Props {
  stream: Stream;
  now: number;
}

// RecordingPanel starts, stops and marks a recording, and lists what there is.
// It hides where the box records nothing.
export function RecordingPanel({ stream, now }: Props) {
  const base = rec.base(stream.name);
  const [open, setOpen] = useState(false);
  const list = usePoll<Recordings>(open ? `${base}?limit=50` : "", every, "");
  const jobs = usePoll<{ jobs: Job[] }>(open ? `${base}jobs` : "", every, "");
  const { failure, done, run } = useAction(() => (list.again(), jobs.again()));
  const s = stream.recording;
  if (!s || s.mode === "off") return null;
  const { level, text } = rec.standing(s, stream.conditions);
  const kept = list.value?.total ?? stream.storage?.recordings;
  return (
    <Panel id="recording" title="Recording" aside={<State level={level}>{text}</State>}>
      <Controls s={s} base={base} run={run} />
      {failure && (
        <p class="problem" role="alert">
          {failure}
        </p>
      )}
      <p class="done by" role="status">
        {done}
      </p>
      <dl class="facts">
        {s.state === "recording" && (
          <>
            <Fact name="Length">{clock(s.duration_seconds * 1000)}</Fact>
            <Fact name="Size">{bytes(s.bytes)}</Fact>
            {s.label && <Fact name="Label">{s.label}</Fact>}
            <Fact name="File" wide>
              {s.file || (level === "ok" ? "begins with the next segment" : "–")}
            </Fact>
          </>
        )}
        <Fact name="Room left" wide title="at the stream's bitrate as it is now">
          {rec.room(s, stream.conditions)}
        </Fact>
        {s.until && <Fact name="Ends">{moment(new Date(s.until), new Date(now))}</Fact>}
        {s.next && !s.until && <Fact name="Next by schedule">{moment(new Date(s.next), new Date(now))}</Fact>}
      </dl>
      <details class="files" open={open} onToggle={(e) => setOpen(e.currentTarget.open)}>
        <summary>{kept === undefined ? "Recordings" : plural(kept, "recording")}</summary>
        {rec.pending(jobs.value?.jobs ?? []).map((j) => (
          <JobRow key={j.id} j={j} base={base} run={run} />
        ))}
        <ul>
          {list.value?.finished.map((f) => (
            <FinishedRow key={f.name} f={f} base={base} run={run} now={now} />
          ))}
          {list.value?.recordings.map((r) => (
            <Row key={r.name} r={r} base={base} run={run} now={now} />
          ))}
        </ul>
        {list.value && list.value.total + list.value.finished.length === 0 && <p class="none">Nothing is recorded yet.</p>}
        {list.value?.next && <p class="none">The newest {list.value.recordings.length} are shown.</p>}
      </details>
    </Panel>
  );
}

const settle = 800; // ms: longer than a double click

// Controls lie elsewhere while it records: the second click of a double click
// must not stop what the first one has started, nor start what it has stopped.
function Controls({ s, base, run }: { s: RecorderState; base: string; run: Run }) {
  const [text, setText] = useState("");
  const recording = s.state === "recording";
  const changed = useRef({ recording, at: -Infinity });
  if (changed.current.recording !== recording) changed.current = { recording, at: performance.now() };
  const send = (what: string, body: unknown, done?: string) => {
    run(act("POST", base + what, body), done);
    setText("");
  };
  const mark = () => send("mark", { text }, `Marked${text && `: ${text}`}`);
  const turn = (what: "start" | "stop") => {
    if (performance.now() - changed.current.at > settle) send(what, what === "start" ? { label: text } : {});
  };
  const start = () => turn("start");
  const usual = recording ? mark : start;
  return (
    <div class="address controls">
      <input
        value={text}
        maxLength={recording ? 200 : 60}
        aria-label={recording ? "Text of a mark" : "Label of the recording"}
        placeholder={recording ? "Text of a mark (optional)" : "Label (optional)"}
        title={recording ? undefined : "becomes part of the files' names where recording.name has {label}"}
        onInput={(e) => setText(e.currentTarget.value)}
        onKeyDown={(e) => e.key === "Enter" && usual()}
      />
      <button type="button" class={recording ? "mark-it" : "start"} onClick={usual}>
        {recording ? "Mark" : "Start"}
      </button>
      {recording && (
        <button type="button" class="stop" onClick={() => turn("stop")}>
          Stop
        </button>
      )}
    </div>
  );
}

const marksShown = 20;

function Row({ r, base, run, now }: { r: Recording; base: string; run: Run; now: number }) {
  const finish = (format: "mp4" | "ts") => run(act("POST", `${base}finish`, { files: [r.name], format }));
  return (
    <li>
      <a href={base + r.url} download>
        {r.name}
      </a>
      <span class="by">
        {[r.begin ? moment(new Date(r.begin), new Date(now)) : "", clock(r.duration_seconds * 1000), bytes(r.bytes)].filter(Boolean).join(" · ")}
      </span>
      {r.writing ? (
        <span class="by">being written</span>
      ) : (
        <span class="acts">
          <span class="by">Finish as</span>
          <button type="button" title="plain MP4 for editors and uploads: index first, times from zero" aria-label={`Finish ${r.name} as MP4`} onClick={() => finish("mp4")}>
            MP4
          </button>
          <button type="button" title="MPEG transport stream" aria-label={`Finish ${r.name} as TS`} onClick={() => finish("ts")}>
            TS
          </button>
          <Delete what={r.name} go={() => run(act("DELETE", base + r.url))} />
        </span>
      )}
      {r.marks.length > 0 && (
        <span class="marks by">
          {r.marks.slice(0, marksShown).map((m, n) => (
            <span key={n}>{rec.markText(m)}</span>
          ))}
          {r.marks.length > marksShown && <span>{`and ${r.marks.length - marksShown} more`}</span>}
        </span>
      )}
    </li>
  );
}

function FinishedRow({ f, base, run, now }: { f: Finished; base: string; run: Run; now: number }) {
  return (
    <li>
      <a href={base + f.url} download>
        {f.name}
      </a>
      <span class="by">{`finished ${moment(new Date(f.modified), new Date(now))} · ${bytes(f.bytes)}`}</span>
      <span class="acts">
        <Delete what={f.name} go={() => run(act("DELETE", base + f.url))} />
      </span>
    </li>
  );
}

function JobRow({ j, base, run }: { j: Job; base: string; run: Run }) {
  return (
    <div class={`job ${j.state === "failed" ? "error" : "busy"}`}>
      <span>{j.result || j.files[0]}</span>
      {j.state === "running" && <progress max={1} value={j.progress} aria-label={`Finishing ${j.result}`} />}
      <span class="by">{rec.progress(j)}</span>
      {j.state !== "failed" && (
        <button type="button" onClick={() => run(act("DELETE", `${base}jobs/${j.id}`))}>
          Cancel
        </button>
      )}
    </div>
  );
}

function Delete({ what, go }: { what: string; go(): void }) {
  return <Sure kind="delete" label="Delete" what={what} go={go} />;
}
