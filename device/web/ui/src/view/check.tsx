import { useEffect, useRef, useState } from "preact/hooks";
import { lines } from "../api.ts";
import { checkPath, stepLevels } from "../destinations.ts";
import type { CheckLine, Step } from "../destinations.ts";
import { Mark } from "./parts.tsx";

const limit = 120_000; // ms: each of its steps has a limit of its own

export interface Check {
  running: boolean;
  steps: readonly Step[];
  report: { go: boolean; reason: string } | null;
  failure: string;
  start(): void;
  close(): void; // ends it, and forgets what it found
}

const nothing = { running: false, steps: [] as readonly Step[], report: null as Check["report"], failure: "" };

// useCheck goes the way to a destination's receiver when it is asked to.
export function useCheck(stream: string, destination: string): Check {
  const [state, setState] = useState(nothing);
  const under = useRef<AbortController | null>(null);
  useEffect(() => () => under.current?.abort(), []);
  const start = () => {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), limit);
    under.current = stop;
    const mine = (f: (s: typeof nothing) => typeof nothing) => under.current === stop && setState(f);
    setState({ ...nothing, running: true });
    lines<CheckLine>(checkPath(stream, destination), stop.signal, ({ step, report }) =>
      mine((s) => ({ ...s, steps: step ? [...s.steps, step] : s.steps, report: report ?? s.report })),
    )
      .then(
        () => mine((s) => ({ ...s, running: false, failure: s.report ? "" : "the check ended early" })),
        (err: Error) => mine((s) => ({ ...s, running: false, failure: stop.signal.aborted ? "the check took too long" : err.message })),
      )
      .finally(() => clearTimeout(timer));
  };
  const close = () => {
    under.current?.abort();
    under.current = null;
    setState(nothing);
  };
  return { ...state, start, close };
}

// CheckResult is what a check has found so far.
export function CheckResult({ check, name }: { check: Check; name: string }) {
  const { running, steps, report, failure } = check;
  if (!running && !report && !failure) return null;
  const level = failure || report?.go === false ? "error" : report ? "ok" : "busy";
  return (
    <div class={`check ${level}`} role="group" aria-label={`Check of ${name}`}>
      <p class="verdict" role="status">
        <Mark level={level} />
        <span>
          <b>{failure ? "Not checked" : report ? (report.go ? "Go" : "No go") : "Checking"}</b>
          {(failure || report?.reason) && `: ${failure || report?.reason}`}
        </span>
        <button type="button" aria-label={`Close the check of ${name}`} onClick={check.close}>
          {running ? "Cancel" : "Close"}
        </button>
      </p>
      <ol>
        {steps.map((s) => (
          <li key={s.name} class={stepLevels[s.verdict] ?? "idle"}>
            <Mark level={stepLevels[s.verdict] ?? "idle"} />
            <b>{s.name}</b>
            <span>{s.text}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}
