// The chart of a bit rate, drawn by uPlot. Loaded when it is first looked at.

import uPlot from "uplot";
import type { Direction, Run, Series } from "./ratehistory.ts";
import { direction } from "./ratehistory.ts";

export interface Picture {
  series: Series;
  runs: readonly Run[];
  from: number; // s
  to: number;
  top: number; // b/s
  min: number;
  max: number;
}

const names = ["text", "soft", "line", "panel", "warning", "error", "rate-target", "rate-sent", "rate-acked", "rate-estimate"] as const;
type Colours = Record<(typeof names)[number], string>;

const font = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

export class RateChart {
  private readonly plot: uPlot;
  private readonly theme = matchMedia("(prefers-color-scheme: light)");
  private readonly size: ResizeObserver;
  private colours: Colours;
  private picture: Picture;
  private marked: number | null = null;

  // cursor is told where it is, in seconds and in pixels of the place; null: nowhere.
  constructor(
    private readonly place: HTMLElement,
    first: Picture,
    cursor: (at: { t: number; left: number; perPixel: number } | null) => void,
  ) {
    this.colours = colours(place);
    this.picture = first;
    this.plot = new uPlot(this.options(cursor), data(first.series), place);
    this.size = new ResizeObserver(() => this.plot.setSize(this.box()));
    this.size.observe(place);
    this.theme.addEventListener("change", this.onTheme);
  }

  show(p: Picture): void {
    this.picture = p;
    this.plot.batch(() => {
      this.plot.setData(data(p.series), false);
      this.plot.setScale("x", { min: p.from, max: p.to });
      this.plot.setScale("y", { min: 0, max: p.top });
    });
    const marked = this.marked !== null && p.runs.find((r) => r.seq === this.marked);
    if (marked) this.mark(marked); // it has moved on
  }

  // mark puts the cursor on a run; null takes it away.
  mark(run: Run | null): void {
    this.marked = run?.seq ?? null;
    const left = run ? this.plot.valToPos(Math.max(run.t / 1000, this.picture.from), "x") : -10;
    this.plot.setCursor({ left, top: run ? 0 : -10 });
    this.plot.redraw(false, false);
  }

  close(): void {
    this.theme.removeEventListener("change", this.onTheme);
    this.size.disconnect();
    this.plot.destroy();
  }

  private readonly onTheme = (): void => {
    this.colours = colours(this.place);
    this.plot.redraw(false, true);
  };

  private box(): { width: number; height: number } {
    return { width: Math.max(120, this.place.clientWidth), height: Math.max(120, this.place.clientHeight) };
  }

  private options(cursor: (at: { t: number; left: number; perPixel: number } | null) => void): uPlot.Options {
    const line = (name: keyof Colours, width: number, over: Partial<uPlot.Series> = {}): uPlot.Series => ({
      stroke: () => this.colours[name],
      width,
      points: { show: false },
      spanGaps: false,
      ...over,
    });
    const axis: uPlot.Axis = {
      stroke: () => this.colours.soft,
      grid: { stroke: () => this.colours.line, width: 1 },
      ticks: { show: false },
      font,
    };
    return {
      ...this.box(),
      legend: { show: false },
      padding: [18, 12, 0, 0],
      cursor: { y: false, drag: { x: false, y: false, setScale: false }, points: { size: 7 } },
      scales: { x: { time: true, range: () => [this.picture.from, this.picture.to] }, y: { range: () => [0, this.picture.top] } },
      axes: [
        { ...axis, size: 26, space: 84, incrs: [5, 10, 15, 30, 60, 120, 300], values: (u, at) => at.map((t) => (u.width - u.valToPos(t, "x") < 74 ? "" : timeOfDay(t))) },
        { ...axis, size: 40, gap: 6, space: 34, values: (_, at) => at.map((v) => `${Number((v / this.unit()).toPrecision(3))}`) },
      ],
      series: [
        {},
        line("rate-acked", 1.5, { fill: () => faint(this.colours["rate-acked"], 0.16) }),
        line("rate-sent", 1.5),
        line("rate-estimate", 1.75, { dash: [6, 4] }),
        line("rate-target", 2.25, { paths: uPlot.paths.stepped!({ align: 1 }) }),
      ],
      hooks: {
        drawClear: [() => this.underneath()],
        draw: [() => this.above()],
        setCursor: [
          (u) => {
            const left = u.cursor.left ?? -1;
            const on = left >= 0;
            cursor(on ? { t: u.posToVal(left, "x"), left: left + u.bbox.left / devicePixelRatio, perPixel: (this.picture.to - this.picture.from) / (u.bbox.width / devicePixelRatio) } : null);
          },
        ],
      },
    };
  }

  private unit(): number {
    return this.picture.top >= 1e6 ? 1e6 : 1e3;
  }

  // underneath draws what lies below the lines: where the rate must not be, and when
  // the link took nothing.
  private underneath(): void {
    const { min, max, series } = this.picture;
    const c = this.plot.ctx;
    const { left, top, width, height } = this.plot.bbox;
    c.save();
    c.beginPath();
    c.rect(left, top, width, height);
    c.clip();
    c.fillStyle = faint(this.colours.soft, 0.13);
    const high = this.y(max);
    const low = this.y(min);
    if (high > top) c.fillRect(left, top, width, high - top);
    c.fillRect(left, low, width, top + height - low);
    for (const s of series.spans) {
      const [from, to] = [this.x(s.from), this.x(s.to)];
      c.fillStyle = faint(s.state === "outage" ? this.colours.error : this.colours.warning, 0.16);
      c.fillRect(from, top, Math.max(to - from, devicePixelRatio), height);
    }
    c.restore();
  }

  // labels are written on top of the lines, with a rim that keeps them readable.
  private labels(): void {
    const c = this.plot.ctx;
    const { left, top, width, height } = this.plot.bbox;
    const dp = devicePixelRatio;
    const write = (text: string, x: number, y: number) => (c.strokeText(text, x, y), c.fillText(text, x, y));
    const [high, low] = [this.y(this.picture.max), this.y(this.picture.min)];
    c.save();
    c.strokeStyle = faint(this.colours.panel, 0.75);
    c.lineWidth = 3 * dp;
    c.lineJoin = "round";
    c.font = font.replace("11px", `${11 * dp}px`);
    c.fillStyle = this.colours.soft;
    c.textAlign = "right";
    c.textBaseline = "alphabetic";
    write(this.unit() === 1e6 ? "Mb/s" : "kb/s", left - 6 * dp, top - 7 * dp);
    if (high > top) write("highest set", left + width - 5 * dp, Math.max(high - 4 * dp, top + 11 * dp));
    if (low < top + height) write("lowest set", left + width - 5 * dp, Math.min(low + 12 * dp, top + height - 3 * dp));
    c.restore();
  }

  // above draws the changes: a triangle up or down, and a line where the rate was
  // lowered and where a change is marked. Of raises that lie close only the first has one.
  private above(): void {
    const { from, to, runs } = this.picture;
    let free = -Infinity;
    for (const r of runs) {
      const at = r.t / 1000;
      const x = this.x(at);
      const on = r.seq === this.marked;
      const way = direction(r);
      if (at < from || at > to || (way === "up" && !on && x < free)) continue;
      this.sign(x, way, on);
      free = x + 11 * devicePixelRatio;
    }
    this.labels();
  }

  private sign(x: number, way: Direction, on: boolean): void {
    const c = this.plot.ctx;
    const { top, height } = this.plot.bbox;
    const dp = devicePixelRatio;
    c.save();
    c.fillStyle = c.strokeStyle = way === "down" ? this.colours.warning : way === "up" && !on ? this.colours.soft : this.colours.text;
    if (on || way !== "up") {
      c.globalAlpha = on ? 0.9 : 0.5;
      c.lineWidth = (on ? 1.5 : 1) * dp;
      c.setLineDash(on ? [] : [2 * dp, 3 * dp]);
      c.beginPath();
      c.moveTo(x, top);
      c.lineTo(x, top + height);
      c.stroke();
    }
    c.globalAlpha = 1;
    triangle(c, x, top - 7 * dp, (on ? 6 : 4.5) * dp, way);
    c.restore();
  }

  private x(t: number): number {
    return this.plot.valToPos(t, "x", true);
  }

  private y(v: number): number {
    return this.plot.valToPos(v, "y", true);
  }
}

function triangle(c: CanvasRenderingContext2D, x: number, y: number, r: number, way: Direction): void {
  const h = way === "down" ? -r : r;
  c.beginPath();
  c.moveTo(x, y - h);
  if (way === "same") c.lineTo(x + r, y), c.lineTo(x, y + r), c.lineTo(x - r, y);
  else c.lineTo(x + r, y + h * 0.8), c.lineTo(x - r, y + h * 0.8);
  c.closePath();
  c.fill();
}

function data(s: Series): uPlot.AlignedData {
  return [s.at, s.acked, s.sent, s.estimate, s.target];
}

function timeOfDay(seconds: number): string {
  const d = new Date(seconds * 1000);
  const two = (n: number) => n.toString().padStart(2, "0");
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

function colours(place: HTMLElement): Colours {
  const style = getComputedStyle(place);
  return Object.fromEntries(names.map((n) => [n, style.getPropertyValue(`--${n}`).trim()])) as Colours;
}

// faint is a colour of the style sheet, #rgb or #rrggbb, with the rest let through.
function faint(colour: string, alpha: number): string {
  const whole = colour.length === 4 ? colour.replace(/[0-9a-f]/gi, "$&$&") : colour;
  return whole + Math.round(alpha * 255).toString(16).padStart(2, "0");
}
