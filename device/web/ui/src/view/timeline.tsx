import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { bitrate, moment, plural } from "../format.ts";
import type { Picture, RateChart } from "../ratechart.ts";
import * as line from "../ratehistory.ts";
import type { History, Run, Series } from "../ratehistory.ts";

interface Props {
  history: History;
  path: string | null;
  minutes: number;
  now: number;
}

type At = { t: number; left: number; perPixel: number } | null;

// Timeline is the chart, what it says under the pointer, its legend, and its changes
// as a list.
export function Timeline({ history, path, minutes, now }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<RateChart | null>(null);
  const [at, setAt] = useState<At>(null);
  const picture = useMemo<Picture>(() => {
    const series = line.series(history, path, minutes * 60_000);
    const runs = line.runs(history.changes).filter((r) => history.now - r.until <= minutes * 60_000);
    const to = history.now / 1000;
    return { series, runs, from: to - minutes * 60, to, top: line.top(series, history.max), min: history.min, max: history.max };
  }, [history, path, minutes]);
  const newest = useRef(picture);
  newest.current = picture;
  useEffect(() => {
    let over = false;
    void import("../ratechart.ts").then(
      ({ RateChart }) => {
        if (!over) chart.current = new RateChart(place.current!, newest.current, setAt);
      },
      () => undefined, // the box is away, or was updated: the list says the same
    );
    return () => {
      over = true;
      chart.current?.close();
    };
  }, []);
  useEffect(() => chart.current?.show(picture), [picture]);
  const mark = (r: Run | null) => chart.current?.mark(r);
  return (
    <>
      <div class="chart">
        <div ref={place} class="canvas" role="img" aria-label={line.describe(picture.series, path, minutes, picture.runs.length)} />
        {at && <Tip at={at} picture={picture} history={history} path={path} now={now} />}
      </div>
      <Legend series={picture.series} fixed={history.mode === "fixed"} path={path} />
      <Changes runs={picture.runs} minutes={minutes} fixed={history.mode === "fixed"} now={now} mark={mark} />
    </>
  );
}

const lines = [
  { key: "target", name: "Target", title: "what the encoder is told, for the picture alone" },
  { key: "sent", name: "Sent", title: "to the destination: picture, sound, and what the transport adds" },
  { key: "acked", name: "Acknowledged", title: "by the receiver" },
  { key: "estimate", name: "Link estimate", title: "what the link is believed to carry" },
] as const;

function Legend({ series, fixed, path }: { series: Series; fixed: boolean; path: string | null }) {
  const last = (values: readonly (number | null)[]) => values[values.length - 1] ?? null;
  return (
    <div class="legend rates">
      {lines.map(({ key, name, title }) => (
        <span key={key} title={title}>
          <Stroke of={key} />
          {key === "target" && fixed ? "Target (fixed)" : key === "sent" && path ? `Sent to ${path}` : name} <b>{show(last(series[key]))}</b>
        </span>
      ))}
      {series.spans.some((s) => s.state === "outage") && (
        <span>
          <i class="swatch error" />
          No answer
        </span>
      )}
      {series.spans.some((s) => s.state !== "outage") && (
        <span>
          <i class="swatch warning" />
          Not given all
        </span>
      )}
    </div>
  );
}

function Stroke({ of }: { of: string }) {
  return (
    <svg class={`stroke ${of}`} viewBox="0 0 20 10" aria-hidden="true">
      <path d={of === "target" ? "M0 8H10V2H20" : "M0 5H20"} />
    </svg>
  );
}

const near = 9; // pixels from a change that the pointer still means it

function Tip({ at, picture, history, path, now }: { at: NonNullable<At>; picture: Picture; history: History; path: string | null; now: number }) {
  const { series } = picture;
  const n = nearest(series.at, at.t);
  if (n < 0) return null;
  const run = picture.runs.reduce<Run | null>((best, r) => {
    const away = Math.abs(r.t / 1000 - at.t);
    return away <= near * at.perPixel && (!best || away < Math.abs(best.t / 1000 - at.t)) ? r : best;
  }, null);
  const point = path === null ? undefined : history.points.find((p) => Math.abs(p.t / 1000 - series.at[n]!) < 0.0005)?.paths?.[path];
  const right = at.t > (picture.from + picture.to) / 2;
  return (
    <div class={`tip${right ? " to-left" : ""}`} style={{ left: `${at.left}px` }}>
      <p class="by">{moment(new Date(at.t * 1000), new Date(now))}</p>
      <dl>
        {lines.map(({ key, name }) => (
          <div key={key}>
            <dt>
              <Stroke of={key} />
              {name}
            </dt>
            <dd>{show(series[key][n] ?? null)}</dd>
          </div>
        ))}
        {point && (
          <div>
            <dt>Queue, RTT</dt>
            <dd>{`${Math.round(point.queue_ms)} ms, ${Math.round(point.rtt_ms)} ms`}</dd>
          </div>
        )}
      </dl>
      {run && (
        <p class="why">
          <Arrow run={run} /> <b>{line.moved(run)}</b> {line.took(run)}
          <br />
          {line.because(run)}
        </p>
      )}
    </div>
  );
}

function nearest(times: readonly number[], t: number): number {
  let best = -1;
  for (let i = 0; i < times.length; i++) {
    if (best < 0 || Math.abs(times[i]! - t) < Math.abs(times[best]! - t)) best = i;
  }
  return best >= 0 && Math.abs(times[best]! - t) < 3 ? best : -1;
}

function show(v: number | null): string {
  return v === null ? "–" : bitrate(v);
}

const ways = { up: "raised", down: "lowered", same: "changed" };

function Arrow({ run }: { run: Run }) {
  const way = line.direction(run);
  return (
    <span class={`way ${way}`} role="img" aria-label={ways[way]}>
      {way === "up" ? "▲" : way === "down" ? "▼" : "◆"}
    </span>
  );
}

const listed = 100;

interface ChangesProps {
  runs: readonly Run[];
  minutes: number;
  fixed: boolean;
  now: number;
  mark(r: Run | null): void;
}

// Changes are the marks of the chart in words, newest first; what is looked at here
// is marked there.
function Changes({ runs, minutes, fixed, now, mark }: ChangesProps) {
  if (runs.length === 0) return <p class="none">{fixed ? "The bit rate is fixed." : `The bit rate has not changed in the last ${minutes} minutes.`}</p>;
  const today = new Date(now);
  return (
    <>
      <h3 class="changes-head">{`${plural(runs.length, "change")} in the last ${minutes} minutes`}</h3>
      <ol class="changes">
        {runs.slice(-listed).reverse().map((r) => (
          <li key={r.seq}>
            <button type="button" onFocus={() => mark(r)} onBlur={() => mark(null)} onMouseEnter={() => mark(r)} onMouseLeave={() => mark(null)}>
              <time dateTime={new Date(r.t).toISOString()}>{moment(new Date(r.t), today)}</time>
              <span class="moved">
                <Arrow run={r} /> {line.moved(r)}
              </span>
              <span class="text">
                {r.destination && <b>{r.destination}: </b>}
                {line.reason(r)} <span class="by">{line.took(r)}</span>
              </span>
            </button>
          </li>
        ))}
      </ol>
    </>
  );
}
