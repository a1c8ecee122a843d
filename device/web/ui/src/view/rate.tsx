import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "../api.ts";
import { bitrate } from "../format.ts";
import { headline, leftOut, notice, pathState, shown } from "../rate.ts";
import type { RatePath, RateState } from "../rate.ts";
import { RateFeed } from "../ratefeed.ts";
import type { Feed } from "../ratefeed.ts";
import { pathsOf } from "../ratehistory.ts";
import type { Answer } from "../ratehistory.ts";
import type { Video } from "../types.ts";
import { Panel, State } from "./parts.tsx";
import { Timeline } from "./timeline.tsx";

const spans = [2, 10]; // minutes

interface Props {
  stream: string;
  rate: RateState;
  video: Video | null;
  now: number;
}

// RatePanel is the bit rate that the encoder is told, what the link to a destination
// makes of it, and why it changes.
export function RatePanel({ stream, rate, video, now }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const feed = useFeed(stream, place);
  const [minutes, setMinutes] = useState(spans[0]!);
  const [chosen, setChosen] = useState<string | null>(null);
  const paths = rate.paths ?? [];
  const history = feed.history;
  const known = history ? pathsOf(history, minutes * 60_000) : [];
  const deciders = history?.changes.map((c) => c.destination).reverse() ?? [];
  const path = shown([...paths.map((p) => p.destination), ...known], chosen, [rate.decider, ...deciders]);
  const aside = (
    <span class="zoom" role="group" aria-label="Time shown">
      {spans.map((m) => (
        <button key={m} type="button" aria-pressed={m === minutes} onClick={() => setMinutes(m)}>
          {`${m} min`}
        </button>
      ))}
    </span>
  );
  return (
    <div ref={place}>
      <Panel id="bitrate" title="Bit rate" aside={aside}>
        <Lead rate={rate} video={video} path={paths.find((p) => p.destination === path)} />
        {paths.length + known.length === 0 ? (
          <p class="none">{`No destination is being sent to, so there is no link to follow: the encoder ${rate.mode === "fixed" ? "stays at" : "may use up to"} ${bitrate(rate.max)}.`}</p>
        ) : history ? (
          <Timeline history={history} path={path} minutes={minutes} now={now} />
        ) : (
          <p class="none">{feed.missing ? "This box keeps no history of the bit rate." : feed.failed ? "The history of the bit rate cannot be read; trying again." : "Loading…"}</p>
        )}
        {paths.length > 0 && <Paths paths={paths} shown={path} decider={rate.decider} choose={(p) => setChosen(p === chosen ? null : p)} />}
      </Panel>
    </div>
  );
}

// useFeed reads the history while the panel can be seen.
function useFeed(stream: string, place: { current: HTMLElement | null }): Feed {
  const [feed, setFeed] = useState<Feed>({ history: null, missing: false, failed: false });
  useEffect(() => {
    const reader = new RateFeed(stream, get<Answer>, setFeed);
    let inView = false;
    const look = () => reader.watch(inView && !document.hidden);
    const view = new IntersectionObserver((seen) => {
      inView = seen[seen.length - 1]!.isIntersecting;
      look();
    });
    view.observe(place.current!);
    document.addEventListener("visibilitychange", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      view.disconnect();
      reader.close();
    };
  }, [stream]);
  return feed;
}

function Lead({ rate, video, path }: { rate: RateState; video: Video | null; path: RatePath | undefined }) {
  const { now, what, rest } = headline(rate, path);
  const below = notice(rate);
  const left = leftOut(video);
  return (
    <>
      <p class="rate-lead">
        <span class="big">{now}</span> <span class="what">{what}</span>
        {rest.map((s) => (
          <span key={s} class="part">
            {s}
          </span>
        ))}
        {left && (
          <span class="part left-out" title={left.title}>
            {left.text}
          </span>
        )}
      </p>
      {below && <p class={`problem ${below.level}`}>{below.text}</p>}
    </>
  );
}

interface PathsProps {
  paths: readonly RatePath[];
  shown: string | null;
  decider: string;
  choose(destination: string): void;
}

// Paths are the destinations as the bit rate sees them; several can be chosen from.
function Paths({ paths, shown, decider, choose }: PathsProps) {
  return (
    <table class="paths">
      <thead>
        <tr>
          <th scope="col">Destination</th>
          <th scope="col">State</th>
          <th scope="col" title="by how much what waits for an acknowledgement is older than on an empty link">
            Queue
          </th>
          <th scope="col" title="round trip">
            RTT
          </th>
          <th scope="col" title="bit rate that its receiver acknowledged lately">
            Acked
          </th>
          <th scope="col" title="what its link carries, estimated">
            Link
          </th>
        </tr>
      </thead>
      <tbody>
        {paths.map((p) => (
          <PathRow key={p.destination} p={p} many={paths.length > 1} shown={p.destination === shown} decides={p.destination === decider} choose={choose} />
        ))}
      </tbody>
    </table>
  );
}

function PathRow({ p, many, shown, decides, choose }: { p: RatePath; many: boolean; shown: boolean; decides: boolean; choose(destination: string): void }) {
  const { level, name, title } = pathState(p.state);
  const there = p.state !== "idle";
  const aside = [decides ? "decides" : "", p.shares?.length ? `shares its uplink with ${p.shares.join(", ")}` : "", there && p.state !== "following" ? p.reason : ""].filter(Boolean);
  return (
    <tr class={shown && many ? "chosen" : undefined}>
      <th scope="row">
        {many ? (
          <button type="button" aria-pressed={shown} title="show it in the chart" onClick={() => choose(p.destination)}>
            {p.destination}
          </button>
        ) : (
          p.destination
        )}
        {aside.length > 0 && <span class="by">{aside.join(" · ")}</span>}
      </th>
      <td title={title}>
        <State level={level}>{name}</State>
      </td>
      <td data-name="Queue">{there ? `${Math.round(p.queue_ms)} ms` : "–"}</td>
      <td data-name="RTT">{there && p.rtt_ms > 0 ? `${Math.round(p.rtt_ms)} ms` : "–"}</td>
      <td data-name="Acked">{there ? bitrate(p.acked) : "–"}</td>
      <td data-name="Link">{there && p.estimate > 0 ? bitrate(p.estimate) : "–"}</td>
    </tr>
  );
}
