import { memo } from "preact/compat";
import { moment } from "../format.ts";
import { severityLevel } from "../summary.ts";
import type { LogEvent } from "../types.ts";
import { Mark, Panel } from "./parts.tsx";

interface Props {
  events: readonly LogEvent[];
  streams: number;
  now: number;
}

// Log is what happened, newest first. It is not read out as it grows: the
// overall state is.
export function Log({ events, streams, now }: Props) {
  const day = new Date(now).toDateString();
  return (
    <Panel id="log" title="Events">
      {events.length === 0 ? (
        <p class="none">Nothing has happened yet.</p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Event log, newest first">
          <ol>
            {events.map((e) => (
              <Line key={e.sequence} e={e} named={streams > 1} day={day} />
            ))}
          </ol>
        </div>
      )}
    </Panel>
  );
}

const Line = memo(function Line({ e, named, day }: { e: LogEvent; named: boolean; day: string }) {
  const level = severityLevel(e.severity);
  return (
    <li class={level}>
      <time dateTime={e.time}>{moment(new Date(e.time), new Date(day))}</time>
      <Mark level={level} />
      <span class="text">
        <b>
          {named && e.stream ? `${e.stream} · ` : ""}
          {e.subject}
        </b>{" "}
        {e.message}
        {e.severity !== "info" && <span class="unseen"> ({e.severity})</span>}
      </span>
    </li>
  );
});
