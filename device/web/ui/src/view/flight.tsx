import { memo } from "preact/compat";
import { useMemo, useState } from "preact/hooks";
import { count, moment, plural } from "../format.ts";
import * as line from "../incidents.ts";
import type { Blame, Incident, Incidents, Kind, Mark as LineMark, Zoom } from "../incidents.ts";
import { usePoll } from "../poll.ts";
import { Mark, Panel } from "./parts.tsx";

const every = 5_000; // ms
const shownFirst = 20;

interface Props {
  started: string; // of the daemon
  boxNow: number;
  now: number;
  streams: number;
}

// Flight is the flight recorder: whom everything that went wrong is blamed on,
// along a line of time. It hides where the box has none.
export function Flight({ started, boxNow, now, streams }: Props) {
  const [zoom, setZoom] = useState<Zoom>("1h");
  const { value, missing } = usePoll<Incidents>(`api/v1/incidents?${line.zooms[zoom].query}`, every, started);
  if (missing || !value) return null;
  const aside = (
    <span class="zoom" role="group" aria-label="Time shown">
      {(Object.keys(line.zooms) as Zoom[]).map((z) => (
        <button key={z} type="button" aria-pressed={z === zoom} onClick={() => setZoom(z)}>
          {line.zooms[z].name}
        </button>
      ))}
    </span>
  );
  return (
    <Panel id="flight" title="Flight recorder" aside={aside}>
      {value.incidents.length === 0 ? (
        <p class="well">
          <Mark level="ok" /> All is well: nothing was lost, late or restarted {line.zooms[zoom].words}.
        </p>
      ) : (
        <Record record={value} zoom={zoom} to={line.span(zoom, boxNow, value.incidents).to} day={new Date(now).toDateString()} streams={streams} />
      )}
    </Panel>
  );
}

interface RecordProps {
  record: Incidents;
  zoom: Zoom;
  to: number; // moves on in steps: between them nothing is drawn
  day: string;
  streams: number;
}

const Record = memo(function Record({ record, zoom, to, day, streams }: RecordProps) {
  const [chosen, setChosen] = useState<readonly number[] | null>(null);
  const [lane, setLane] = useState<Blame | null>(null);
  const all = record.incidents;
  const { from } = useMemo(() => line.span(zoom, to, all), [zoom, to, all]);
  const picked = chosen?.filter((id) => all.some((i) => i.id === id)) ?? [];
  const listed = all.filter((i) => (picked.length === 0 || picked.includes(i.id)) && (lane === null || i.blame === lane));
  const choose = (m: LineMark) => {
    const ids = m.incidents.map((i) => i.id);
    setChosen(same(ids, picked) ? null : ids);
    setLane(null);
  };
  return (
    <>
      <div class="lanes">
        {line.blames.map(({ blame, name, title }) => (
          <div key={blame} class="lane">
            <button type="button" class="blamed" title={title} aria-pressed={lane === blame} onClick={() => (setLane(lane === blame ? null : blame), setChosen(null))}>
              {name}
            </button>
            <div class="line">
              {line.marks(all, blame, from, to).map((m) => (
                <Spot key={m.incidents[0]!.id} m={m} day={day} streams={streams} on={picked.includes(m.incidents[0]!.id)} choose={choose} />
              ))}
            </div>
          </div>
        ))}
        <div class="ticks" aria-hidden="true">
          {line.ticks(from, to, 7).map((t) => (
            <span key={t.left} style={{ left: `${t.left}%` }}>
              {t.text}
            </span>
          ))}
        </div>
      </div>
      <Legend zoom={zoom} record={record} />
      {(picked.length > 0 || lane !== null) && (
        <p class="picked">
          {`${plural(listed.length, "incident")} of ${all.length}`}
          <button type="button" onClick={() => (setChosen(null), setLane(null))}>
            Show all
          </button>
        </p>
      )}
      <List key={`${zoom} ${picked.join()} ${lane}`} incidents={listed} day={day} streams={streams} more={record.next !== 0} />
    </>
  );
});

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, n) => id === b[n]);
}

interface SpotProps {
  m: LineMark;
  day: string;
  streams: number;
  on: boolean;
  choose(m: LineMark): void;
}

// Spot is a mark on a lane: its title says on hovering what a tap lists below.
function Spot({ m, day, streams, on, choose }: SpotProps) {
  const first = m.incidents[0]!;
  const words = m.incidents.slice(0, 5).map((i) => `${when(i, day)} ${line.subject(i, streams)}: ${line.kinds[i.kind].name.toLowerCase()} ${line.lasted(i)}${i.detail ? ` – ${i.detail}` : ""}`);
  if (m.incidents.length > 5) words.push(`and ${m.incidents.length - 5} more`);
  return (
    <button
      type="button"
      class={`spot ${m.kind} ${line.kinds[m.kind].level}${m.ongoing ? " ongoing" : ""}`}
      style={{ left: `${m.left}%`, width: `${m.width}%` }}
      title={words.join("\n")}
      aria-label={m.incidents.length > 1 ? `${m.incidents.length} incidents from ${when(first, day)}` : words[0]}
      aria-pressed={on}
      onClick={() => choose(m)}
    />
  );
}

function when(i: Incident, day: string): string {
  return i.at ? moment(new Date(i.at), new Date(day)) : line.uptimeText(i);
}

function Legend({ zoom, record }: { zoom: Zoom; record: Incidents }) {
  const query = line.zooms[zoom].span ? `from=${zoom}&` : "";
  return (
    <div class="legend">
      {(Object.keys(line.kinds) as Kind[]).map((k) => (
        <span key={k} class={line.kinds[k].level} title={line.kinds[k].title}>
          <i class={`key ${k}`} />
          {line.kinds[k].name}
        </span>
      ))}
      {!record.boot.clock && <span class="note">The box does not know the time of day yet: times will be corrected.</span>}
      <span class="export">
        Export <a href={`api/v1/incidents?${query}format=csv`}>CSV</a>
        <a href={`api/v1/incidents?${query}limit=5000`} download="incidents.json">
          JSON
        </a>
      </span>
    </div>
  );
}

function List({ incidents, day, streams, more }: { incidents: Incident[]; day: string; streams: number; more: boolean }) {
  const [whole, setWhole] = useState(false);
  const shown = whole ? incidents.slice(0, 500) : incidents.slice(0, shownFirst);
  return (
    <>
      <ol class="incidents">
        {shown.map((i) => (
          <Row key={i.id} i={i} day={day} streams={streams} />
        ))}
      </ol>
      {shown.length < incidents.length && (
        <p class="picked">
          {whole ? "The rest is in the export." : `${incidents.length - shown.length} more`}
          {!whole && (
            <button type="button" onClick={() => setWhole(true)}>
              Show
            </button>
          )}
        </p>
      )}
      {more && shown.length === incidents.length && <p class="picked">Older ones are in the export.</p>}
    </>
  );
}

const Row = memo(function Row({ i, day, streams }: { i: Incident; day: string; streams: number }) {
  const kind = line.kinds[i.kind] ?? line.kinds.gap;
  const facts = [line.lasted(i), line.amount(i), i.count > 1 ? `${count(i.count)} times` : ""].filter(Boolean).join(" · ");
  return (
    <li class={kind.level}>
      <time dateTime={i.at}>{when(i, day)}</time>
      <span class="kind-of">
        <i class={`key ${i.kind}`} />
        {kind.name}
      </span>
      <span class="text">
        <b>{line.subject(i, streams)}</b> {facts && <span class="by">{facts}</span>}
        {i.detail && <span class="detail">{i.detail}</span>}
        <span class="because">
          <b>{i.blame}</b>
          {i.because && `: ${i.because}`}
        </span>
      </span>
    </li>
  );
});
