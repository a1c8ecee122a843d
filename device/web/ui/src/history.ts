// The last two minutes of a stream's measured bitrate.

export const historySpan = 120_000; // ms
const spacing = 900; // ms between points

export interface Point {
  at: number; // box time, ms
  value: number;
}

// add is the history with one more point: the old and the too frequent are left out.
export function add(points: readonly Point[], p: Point): readonly Point[] {
  const last = points[points.length - 1];
  if (last && p.at < last.at) return [p]; // the clock was set back
  if (last && p.at - last.at < spacing) return points;
  return [...points.filter((old) => p.at - old.at <= historySpan), p];
}

// path is the history as an SVG path in a box of width × height whose right edge
// is now; a hole of more than five seconds stays one.
export function path(points: readonly Point[], now: number, top: number, width: number, height: number): string {
  let d = "";
  let before = -Infinity;
  for (const p of points) {
    const x = width * (1 - (now - p.at) / historySpan);
    const y = height * (1 - Math.min(1, p.value / top));
    if (x >= 0) d += `${p.at - before > 5000 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
    before = x >= 0 ? p.at : before;
  }
  return d;
}

// scaleTop is the top of the scale: room over the target and over what was measured.
export function scaleTop(points: readonly Point[], target: number): number {
  return Math.max(1, target * 1.3, ...points.map((p) => p.value * 1.15));
}
