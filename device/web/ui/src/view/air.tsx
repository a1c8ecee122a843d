import { useState } from "preact/hooks";
import { airOf, command } from "../air.ts";
import type { Stream } from "../types.ts";
import type { Run } from "./action.ts";
import { State, Sure } from "./parts.tsx";

const settle = 500; // ms: a double click is no answer

// AirLine says whether the stream goes out, and takes it on and off the air.
export function AirLine({ stream, run }: { stream: Stream; run: Run }) {
  const [working, setWorking] = useState(false);
  const { on, level, text, why } = airOf(stream);
  const label = on ? "Go off the air" : "Go on the air";
  const go = () => {
    setWorking(true);
    run(command(on ? "stream stop" : "stream start", { stream: stream.name }).finally(() => setWorking(false)));
  };
  return (
    <div class="air">
      <State level={level}>{text}</State>
      {why && <span class="by">{why}</span>}
      <Sure
        key={label}
        kind={on ? "leave" : "enter"}
        label={working ? "Working…" : label}
        title={on ? "no destination gets anything until it is on the air again; players on this network and recordings go on" : "its destinations push"}
        settle={settle}
        disabled={working}
        go={go}
      />
    </div>
  );
}
