import { useState } from "preact/hooks";
import { act } from "../api.ts";
import { bytes, clock, moment, plural } from "../format.ts";
import { usePoll } from "../poll.ts";
import * as rec from "../recordings.ts";
import type { Finished, Job, Recording, RecorderState, Recordings } from "../recordings.ts";
import type { Stream } from "../types.ts";
import { Fact, Panel, State } from "./parts.tsx";

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
  const { failure, run } = useAction(() => (list.again(), jobs.again()));
  const s = stream.recording;
  if (!s || s.mode === "off") return null;
  const { level, text } = rec.standing(s);
  return (
    <Panel id="recording" title="Recording" aside={<State level={level}>{text}</State>}>
      <Controls s={s} base={base} run={run} />
      {failure && (
        <p class="problem" role="alert">
          {failure}
        </p>
      )}
      <dl class="facts">
        {s.state === "recording" && (
          <>
            <Fact name="Length">{clock(s.duration_seconds * 1000)}</Fact>
            <Fact name="Size">{bytes(s.bytes)}</Fact>
            <Fact name="File" wide>
              {s.file || "begins with the next segment"}
            </Fact>
          </>
        )}
        <Fact name="Room left" wide title="at the stream's bitrate as it is now">
          {rec.room(s)}
        </Fact>
        {s.until && <Fact name="Ends">{moment(new Date(s.until), new Date(now))}</Fact>}
        {s.next && !s.until && <Fact name="Next by schedule">{moment(new Date(s.next), new Date(now))}</Fact>}
      </dl>
      <details class="files" open={open} onToggle={(e) => setOpen(e.currentTarget.open)}>
        <summary>{list.value ? plural(list.value.total, "recording") : "Recordings"}</summary>
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

type Run = (what: Promise<void>) => void;

// useAction keeps what the box said to the last thing a person asked of it.
function useAction(then: () => void): { failure: string; run: Run } {
  const [failure, setFailure] = useState("");
  const run: Run = (what) => {
    setFailure("");
    what.then(then, (err: Error) => setFailure(err.message));
  };
  return { failure, run };
}

function Controls({ s, base, run }: { s: RecorderState; base: string; run: Run }) {
  const [text, setText] = useState("");
  const recording = s.state === "recording";
  const send = (what: string, body: unknown) => {
    run(act("POST", base + what, body));
    setText("");
  };
  const usual = () => (recording ? send("mark", { text }) : send("start", { label: text }));
  return (
    <div class="address controls">
      <input
        value={text}
        maxLength={200}
        aria-label={recording ? "Text of a mark" : "Label of the recording"}
        placeholder={recording ? "Text of a mark" : "Label (optional)"}
        onInput={(e) => setText(e.currentTarget.value)}
        onKeyDown={(e) => e.key === "Enter" && usual()}
      />
      <button type="button" onClick={usual}>
        {recording ? "Mark" : "Start"}
      </button>
      {recording && (
        <button type="button" onClick={() => send("stop", {})}>
          Stop
        </button>
      )}
    </div>
  );
}

function Row({ r, base, run, now }: { r: Recording; base: string; run: Run; now: number }) {
  const marks = r.marks.map((m) => `${clock(m.at_seconds * 1000)} ${m.text}`).join("\n");
  return (
    <li>
      <a href={base + r.url} download>
        {r.name}
      </a>
      <span class="by" title={marks || undefined}>
        {[r.begin ? moment(new Date(r.begin), new Date(now)) : "", clock(r.duration_seconds * 1000), bytes(r.bytes), r.marks.length > 0 ? plural(r.marks.length, "mark") : ""]
          .filter(Boolean)
          .join(" · ")}
      </span>
      {r.writing ? (
        <span class="by">being written</span>
      ) : (
        <span class="acts">
          <button type="button" title="make a plain MP4 file of it" onClick={() => run(act("POST", `${base}finish`, { files: [r.name], format: "mp4" }))}>
            MP4
          </button>
          <button type="button" title="make an MPEG transport stream of it" onClick={() => run(act("POST", `${base}finish`, { files: [r.name], format: "ts" }))}>
            TS
          </button>
          <Delete what={r.name} go={() => run(act("DELETE", base + r.url))} />
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

// Delete asks once more, in place.
function Delete({ what, go }: { what: string; go(): void }) {
  const [sure, setSure] = useState(false);
  return (
    <button
      type="button"
      class={sure ? "sure error" : undefined}
      aria-label={`${sure ? "Really delete" : "Delete"} ${what}`}
      onClick={() => (sure ? go() : setSure(true))}
      onBlur={() => setSure(false)}
    >
      {sure ? "Really?" : "Delete"}
    </button>
  );
}
