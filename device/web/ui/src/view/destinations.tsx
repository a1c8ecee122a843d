import { useRef, useState } from "preact/hooks";
import { command } from "../air.ts";
import { causeText, commands, groupLine, groupOf, levelOf, Order } from "../destinations.ts";
import type { Command } from "../destinations.ts";
import { bitrate, bytes, clock, count, countdown, milliseconds, moment, plural } from "../format.ts";
import { ailing, slow } from "../rate.ts";
import { destinationLevel, forwardLevel } from "../summary.ts";
import type { Destination, DestinationState, Forward, ForwardState, Group, Stream } from "../types.ts";
import { useAction } from "./action.ts";
import type { Run } from "./action.ts";
import { AirLine } from "./air.tsx";
import { CheckResult, useCheck } from "./check.tsx";
import { useCommands } from "./commands.ts";
import { Fact, Lost, Panel, State } from "./parts.tsx";

interface Props {
  stream: Stream;
  boxNow: number;
  now: number;
}

export function Destinations({ stream, boxNow, now }: Props) {
  const { destinations: all, groups = [] } = stream;
  const { failure, run } = useAction(() => {});
  const may = useCommands();
  const order = useRef(new Order());
  const wanted = all.filter((d) => d.state !== "disabled");
  const active = wanted.filter((d) => d.state === "active").length;
  return (
    <Panel id="destinations" title="Destinations" aside={wanted.length > 0 && <span class="by">{`${active} of ${wanted.length} active`}</span>}>
      {failure && (
        <p class="problem" role="alert">
          {failure}
        </p>
      )}
      {all.length > 0 && <AirLine stream={stream} run={run} />}
      {groups.map((g) => (
        <GroupLine key={g.name} g={g} />
      ))}
      {all.length === 0 ? (
        <p class="none">No destination is configured for this stream.</p>
      ) : (
        <ul>
          {order.current.of(all, ailing(stream.rate), now).map((d) => (
            <Row key={d.name} d={d} group={groupOf(d, groups)} slow={slow(stream.rate, d.name)} stream={stream.name} may={may} run={run} boxNow={boxNow} now={now} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function GroupLine({ g }: { g: Group }) {
  const { level, what, standing } = groupLine(g);
  return (
    <p class="group">
      <b>{g.name}</b>
      <span class="by">{what}</span>
      <State level={level}>{standing}</State>
    </p>
  );
}

interface RowProps {
  d: Destination;
  group: Group | undefined;
  slow: string; // what its link cannot take
  stream: string;
  may: ReadonlySet<string>; // commands that whoever is here may give
  run: Run;
  boxNow: number;
  now: number;
}

function Row({ d, group, slow, stream, may, run, boxNow, now }: RowProps) {
  const next = standing(d, boxNow);
  const check = useCheck(stream, d.name);
  const level = levelOf(slow ? { ...d, alarm: slow } : d, d.forward ? forwardLevel(d.forward.state) : destinationLevel(d.state));
  return (
    <li class={`destination ${level}`}>
      <h3>
        {d.name} <span class="kind">{d.kind}</span>
        {group && (
          <span class="kind" title="its group">
            {group.name}
          </span>
        )}
      </h3>
      <div class="standing">
        <State level={level}>{stateName(d)}</State>
        {d.cause && (
          <span class="kind" title={causeText(d.cause)}>
            {d.cause}
          </span>
        )}
        {next && <span class="when">{next}</span>}
      </div>
      <code class="url">{d.url}</code>
      <span class="acts">
        {commands(d, may).map((c) => (
          <Do key={c} c={c} destination={d.name} stream={stream} run={run} />
        ))}
        <button type="button" title="go the way to the receiver, step by step; nothing is published" aria-label={`Check ${d.name}`} disabled={check.running} onClick={check.start}>
          {check.running ? "Checking…" : "Check"}
        </button>
      </span>
      <CheckResult check={check} name={d.name} />
      {d.reason && <p class="reason">{d.reason}</p>}
      {d.alarm && <p class="reason alarm">{d.alarm}</p>}
      {slow && d.state === "active" && <p class="reason alarm">{slow}</p>}
      {d.state !== "disabled" && <Facts d={d} />}
      {d.errors.length > 0 && <Errors d={d} now={now} />}
    </li>
  );
}

// Do is the button of a command, which waits while the box does it.
function Do({ c, destination, stream, run }: { c: Command; destination: string; stream: string; run: Run }) {
  const [working, setWorking] = useState(false);
  const press = () => {
    setWorking(true);
    run(command(`destination ${c}`, { name: `${stream}/${destination}` }).finally(() => setWorking(false)));
  };
  return (
    <button type="button" title={titles[c]} aria-label={`${labels[c]} ${destination}`} disabled={working} onClick={press}>
      {labels[c]}
    </button>
  );
}

const labels: Record<Command, string> = { pause: "Pause", resume: "Resume", retry: "Retry now", enable: "Enable" };

const titles: Record<Command, string> = {
  pause: "until it is resumed, or the box starts anew",
  resume: "push again",
  retry: "forget the failures and try at once",
  enable: "push from now on, also after the box starts anew",
};

function stateName(d: Destination): string {
  if (d.paused) return "Paused";
  if (d.held) return d.reason?.startsWith("off the air") ? "Off the air" : "Standby";
  if (d.forward) return forwardNames[d.forward.state] ?? d.forward.state;
  return names[d.state] ?? d.state;
}

function Facts({ d }: { d: Destination }) {
  const connected = d.state === "active";
  if (d.forward) return <ForwardFacts d={d} f={d.forward} />;
  return (
    <dl class="facts">
      <Fact name="Bitrate">{connected ? bitrate(d.bitrate) : "–"}</Fact>
      <Fact name="Sent">{bytes(d.bytes)}</Fact>
      <Fact name="Queue" title={`${bytes(d.queue.bytes)} wait to be sent`}>
        {count(d.queue.packets)}
      </Fact>
      <Fact name="Dropped" title="packets this destination was too slow for">
        <Lost n={d.dropped} />
      </Fact>
      <Fact name="RTT" title="round trip, where the protocol tells">
        {connected ? milliseconds(d.rtt_ms) : "–"}
      </Fact>
      <Fact name="p99 latency" title="encoder output to socket write, 99 of 100 packets are faster">
        {connected ? milliseconds(d.p99_ms) : "–"}
      </Fact>
      <Fact name="In flight" title="sent and not yet acknowledged, where the protocol tells">
        {connected ? bytes(d.outstanding) : "–"}
      </Fact>
      {!!d.buffered_ms && (
        <Fact name="Buffered" title="of the stream, in the sender's buffer">
          {milliseconds(d.buffered_ms)}
        </Fact>
      )}
      {!!d.bandwidth && (
        <Fact name="Link" title="what the protocol believes that the link takes">
          {bitrate(d.bandwidth)}
        </Fact>
      )}
      <Fact name="Resent" title="packets sent again, where the protocol tells">
        {count(d.retransmitted)}
      </Fact>
      <Fact name="Lost" title="packets the protocol gave up on">
        <Lost n={d.lost} />
      </Fact>
      <Fact name="Attempts">{count(d.attempts)}</Fact>
    </dl>
  );
}

const names: Record<DestinationState, string> = {
  disabled: "Disabled",
  starting: "Starting",
  connecting: "Connecting",
  active: "Active",
  reconnecting: "Reconnecting",
  failed: "Failed",
};

const forwardNames: Record<ForwardState, string> = {
  disabled: "Disabled",
  starting: "Starting",
  live: "Live",
  behind: "Behind",
  retrying: "Retrying",
  failed: "Failed",
};

// ForwardFacts are those of a destination that gets segments, in time or later.
function ForwardFacts({ d, f }: { d: Destination; f: Forward }) {
  return (
    <dl class="facts">
      <Fact name="Bitrate">{d.state === "active" ? bitrate(d.bitrate) : "–"}</Fact>
      <Fact name="Sent">{bytes(d.bytes)}</Fact>
      <Fact name="Segments" title="delivered whole">
        {count(f.sent_segments)}
      </Fact>
      {f.lag_segments > 0 && (
        <Fact name="Yet to send" wide title={f.stored ? "kept on storage for it" : "kept in memory for it"}>
          {plural(f.lag_segments, "segment")}
        </Fact>
      )}
      <Fact name="Retries">{count(f.retries)}</Fact>
      <Fact name="Verified" title="files that the server had already">
        {count(f.verified)}
      </Fact>
      <Fact name="Skipped" title="segments that were gone before they could be sent">
        <Lost n={f.skipped} />
      </Fact>
    </dl>
  );
}

// standing is for how long, or what comes next.
function standing(d: Destination, boxNow: number): string {
  switch (d.state) {
    case "active":
      if (d.forward) return behind(d.forward);
      return d.connected_at ? `for ${clock(boxNow - Date.parse(d.connected_at))}` : "";
    case "starting":
      return d.reason ? "" : "waits for the stream";
    case "connecting":
    case "reconnecting":
      if (d.forward?.lag_segments) return `${behind(d.forward)}, ${nextTry(d, boxNow)}`;
      return nextTry(d, boxNow);
    case "failed":
      return d.forward ? nextTry(d, boxNow) : "not tried any more";
    default:
      return "";
  }
}

function nextTry(d: Destination, boxNow: number): string {
  return d.next_attempt ? `next try ${countdown(Date.parse(d.next_attempt) - boxNow)}` : "trying now";
}

// behind is how much later than now a receiver has all of the stream.
function behind(f: Forward): string {
  if (f.lag_segments === 0) return "";
  return `${f.at_live ? "live, " : ""}behind by ${clock(f.lag_seconds * 1000)}, ${bytes(f.lag_bytes)}`;
}

function Errors({ d, now }: { d: Destination; now: number }) {
  const today = new Date(now);
  const [last, ...older] = d.errors;
  return (
    <details class="errors">
      <summary>
        <span class="what">{d.state === "active" ? "Earlier" : "Last"} error</span>
        <time dateTime={last!.time}>{moment(new Date(last!.time), today)}</time>
        <span class="message">{last!.message}</span>
        {older.length > 0 && <span class="more">{older.length} more</span>}
      </summary>
      {older.length > 0 && (
        <ol>
          {older.map((e) => (
            <li key={e.time}>
              <time dateTime={e.time}>{moment(new Date(e.time), today)}</time>
              <span class="message">{e.message}</span>
            </li>
          ))}
        </ol>
      )}
    </details>
  );
}
