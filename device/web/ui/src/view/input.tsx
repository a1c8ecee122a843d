import { count, countdown, frameRate } from "../format.ts";
import { inputLevel, signalLevel, signalNames } from "../summary.ts";
import type { Input, InputState, Signal } from "../types.ts";
import { Fact, Lost, Panel, State } from "./parts.tsx";

const names: Record<InputState, string> = {
  starting: "Starting",
  running: "Running",
  retrying: "Failed, retrying",
  ended: "Ended",
};

export function InputPanel({ input, boxNow }: { input: Input; boxNow: number }) {
  return (
    <Panel id="input" title="Input" aside={<InputStateMark input={input} />}>
      {input.description && <p class="lead">{input.description}</p>}
      {input.error && (
        <p class="problem" role="group">
          {input.error}
          {input.retry && <span class="when">Next try {countdown(Date.parse(input.retry) - boxNow)}</span>}
        </p>
      )}
      <dl class="facts">
        <Fact name="Kind">{kindName(input.kind)}</Fact>
        <Fact name="Dropped pictures" title="pictures that the encoder had no time for">
          <Lost n={input.dropped} />
        </Fact>
        {input.signal && <SignalFacts signal={input.signal} />}
      </dl>
    </Panel>
  );
}

// InputStateMark shows the signal of a capture device that runs: the stream
// goes on without one, with a slate.
function InputStateMark({ input }: { input: Input }) {
  const { signal, state } = input;
  if (signal && state === "running") {
    return <State level={signalLevel(signal.state)}>{signalNames[signal.state] ?? signal.state}</State>;
  }
  return <State level={inputLevel(state)}>{names[state] ?? state}</State>;
}

function SignalFacts({ signal }: { signal: Signal }) {
  return (
    <>
      {signal.detail && (
        <Fact name="Signal" wide>
          {signal.detail}
        </Fact>
      )}
      <Fact name="Device" wide title={signal.device}>
        {signal.device || "none found"}
      </Fact>
      {signal.width > 0 && (
        <Fact name="Arrives">
          {signal.width} × {signal.height} {signal.pixel} {frameRate(signal.frame_rate)}
        </Fact>
      )}
      {signal.transfer && (
        <Fact name="Transfer" title={signal.transfer_reason}>
          {signal.transfer}
        </Fact>
      )}
      <Fact name="Signal lost" title="times since the input was started">
        <Lost n={signal.losses} />
      </Fact>
      <Fact name="Slate pictures">{count(signal.slate_frames)}</Fact>
    </>
  );
}

function kindName(kind: string): string {
  return { pattern: "Test pattern", file: "File", capture: "Capture device" }[kind] ?? kind;
}
