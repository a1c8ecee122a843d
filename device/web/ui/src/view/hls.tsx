import { bytes, clock, count, plural, seconds } from "../format.ts";
import type { Hls } from "../types.ts";
import { Address, Fact, Lost, Panel, State } from "./parts.tsx";

// HlsPanel is what viewers on this network are served.
export function HlsPanel({ hls }: { hls: Hls | null }) {
  const served = hls !== null && (hls.url !== "" || !!hls.dash);
  const level = !served ? "idle" : hls.segments > 0 ? "ok" : "busy";
  const state = !served ? "Not served" : hls.segments > 0 ? "Serving" : "No segment yet";
  return (
    <Panel id="hls" title={`${hls?.dash ? (hls.url ? "HLS and DASH" : "DASH") : "HLS"} on this network`} aside={<State level={level}>{state}</State>}>
      {hls ? <Facts hls={hls} /> : <p class="none">This stream has no HLS output.</p>}
    </Panel>
  );
}

function Facts({ hls }: { hls: Hls }) {
  return (
    <>
      {hls.url && <Address label="the HLS address" value={new URL(hls.url, location.href).href} />}
      {hls.dash && <Address label="the DASH address" value={new URL(hls.dash, location.href).href} />}
      <dl class="facts">
        <Fact name="Window">{plural(hls.segments, "segment")}</Fact>
        <Fact name="Length">{clock(hls.window_duration * 1000)}</Fact>
        <Fact name="Size">{bytes(hls.window_bytes)}</Fact>
        <Fact name="Last segment" title={`number ${hls.last_sequence}; target ${hls.target_duration} s`}>
          {hls.segments > 0 ? seconds(hls.last_duration) : "–"}
        </Fact>
        <Fact name="Dropped packets" title="packets lost before they were cut into segments">
          <Lost n={hls.dropped} />
        </Fact>
        <Fact name="Discontinuities">{count(hls.discontinuities)}</Fact>
      </dl>
    </>
  );
}
