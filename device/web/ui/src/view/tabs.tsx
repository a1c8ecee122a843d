import { summarizeStream } from "../summary.ts";
import type { Stream } from "../types.ts";
import { Mark } from "./parts.tsx";

interface Props {
  streams: Stream[];
  chosen: string;
  choose(stream: string): void;
}

// StreamTabs chooses the stream that the panels below show.
export function StreamTabs({ streams, chosen, choose }: Props) {
  return (
    <nav class="tabs" aria-label="Streams">
      {streams.map((s) => {
        const summary = summarizeStream(s);
        return (
          <button
            key={s.name}
            type="button"
            aria-current={s.name === chosen ? "true" : undefined}
            title={summary.sentence}
            onClick={() => choose(s.name)}
          >
            <Mark level={summary.level} />
            {s.name}
          </button>
        );
      })}
    </nav>
  );
}
