import { clock } from "../format.ts";
import { severityLevel } from "../summary.ts";
import type { Condition, Severity, Snapshot } from "../types.ts";
import { Mark } from "./parts.tsx";

const rank: Record<Severity, number> = { error: 0, warning: 1, info: 2 };

// Alerts are the conditions that hold now, the worst first.
export function Alerts({ box, boxNow }: { box: Snapshot; boxNow: number }) {
  const all = [
    ...box.conditions.map((c) => ({ c, stream: "" })),
    ...box.streams.flatMap((s) => s.conditions.map((c) => ({ c, stream: s.name }))),
  ].sort((a, b) => rank[a.c.severity] - rank[b.c.severity] || Date.parse(b.c.since) - Date.parse(a.c.since));
  if (all.length === 0) return null;
  return (
    <section class="alerts" aria-label="Conditions">
      <ul>
        {all.map(({ c, stream }) => (
          <Alert key={`${stream} ${c.code}`} condition={c} stream={box.streams.length > 1 ? stream : ""} boxNow={boxNow} />
        ))}
      </ul>
    </section>
  );
}

function Alert({ condition, stream, boxNow }: { condition: Condition; stream: string; boxNow: number }) {
  const level = severityLevel(condition.severity);
  return (
    <li class={level}>
      <Mark level={level} />
      <span class="severity">{names[condition.severity]}</span>
      <span class="message">
        {stream && <b>{stream}: </b>}
        {condition.message}
      </span>
      <code class="code">{condition.code}</code>
      <time dateTime={condition.since}>for {clock(boxNow - Date.parse(condition.since))}</time>
    </li>
  );
}

const names: Record<Severity, string> = { error: "Error", warning: "Warning", info: "Note" };
