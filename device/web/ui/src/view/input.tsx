import { countdown } from "../format.ts";
import { inputLevel } from "../summary.ts";
import type { Input, InputState } from "../types.ts";
import { Fact, Lost, Panel, State } from "./parts.tsx";

const names: Record<InputState, string> = {
  starting: "Starting",
  running: "Running",
  retrying: "Failed, retrying",
  ended: "Ended",
};

export function InputPanel({ input, boxNow }: { input: Input; boxNow: number }) {
  return (
    <Panel id="input" title="Input" aside={<State level={inputLevel(input.state)}>{names[input.state] ?? input.state}</State>}>
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
      </dl>
    </Panel>
  );
}

function kindName(kind: string): string {
  return { pattern: "Test pattern", file: "File" }[kind] ?? kind;
}
