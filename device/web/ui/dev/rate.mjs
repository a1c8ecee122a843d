// A bit rate that follows a link, played in time: 6 → 2 → 6 Mb/s, then an outage,
// over and over, for looking at the page. The law here is as simple as it looks real.

const interval = 200; // ms
const pointsKept = 3000;

const reasons = {
  start: "the link is not known yet",
  probe: "the link carries it, more is tried",
  ceiling: "more is tried slowly: this is near what the link could not carry",
  queue: "the link is too slow: a queue grows",
  age: "what is queued may come too late",
  outage: "the receiver acknowledges nothing",
  restart: "the link is back",
  max: "the highest bit rate that is set",
  steady: "the link carries it",
};

const capacities = {
  steps: (s) => (s % 120 < 30 ? 6.4e6 : s % 120 < 60 ? 2e6 : s % 120 < 92 ? 6.4e6 : s % 120 < 97 ? 0 : 4.6e6) * (1 + 0.06 * Math.sin(s * 1.7)),
  poor: (s) => (s % 90 < 30 ? 1.5e6 : s % 90 < 60 ? 0.24e6 : 0.11e6) * (1 + 0.05 * Math.sin(s * 2.1)),
  wide: (s) => 21e6 * (1 + 0.03 * Math.sin(s)),
  narrow: () => 0.9e6,
};

class Path {
  constructor(name, capacity, rtt) {
    Object.assign(this, { name, capacity, rtt, queued: 0, acked: 0, sent: 0, estimate: 0, ceiling: Infinity, waits: 0, target: 0, code: "start", dead: 0 });
  }

  // step sends so much for an interval, and follows what comes of it.
  step(s, sent, min, max) {
    const carries = this.capacity(s);
    const taken = Math.min(carries, sent + (this.queued * 1000) / interval);
    this.queued = Math.max(0, this.queued + ((sent - taken) * interval) / 1000);
    Object.assign(this, { sent, acked: this.acked + 0.6 * (taken - this.acked) });
    const delay = carries > 0 ? (this.queued / carries) * 1000 : this.delay + interval;
    this.delay = delay;
    this.dead = carries === 0 ? this.dead + interval : 0;
    this.follow(delay, min, max);
  }

  follow(delay, min, max) {
    this.waits -= interval;
    const full = this.queued > 0 && this.dead === 0;
    if (this.dead > 800) return Object.assign(this, { code: "outage", lost: true });
    if (this.lost) {
      Object.assign(this, { lost: false, queued: 0, target: Math.max(min, this.target / 2), code: "restart", waits: 600 });
      return;
    }
    if (full) this.estimate = this.acked;
    else this.estimate = Math.max(this.estimate, this.acked * 1.02);
    if (delay > 150 && this.waits <= 0) {
      this.ceiling = this.target;
      const deep = delay > 700;
      Object.assign(this, { target: Math.max(min, Math.min(this.target, this.acked) * (deep ? 0.6 : 0.8)), code: deep ? "age" : "queue", waits: 700 });
    } else if (delay < 60 && this.waits <= 0 && this.target < max) {
      const close = this.target > 0.88 * this.ceiling;
      this.ceiling *= 1.0004;
      this.target = Math.min(max, this.target * (1 + (close ? 0.03 : 0.55) * (interval / 1000)));
      this.code = this.target >= max ? "max" : close ? "ceiling" : "probe";
    }
  }
}

export class Rate {
  constructor({ paths, mode = "adaptive", max = 6e6, min = 300e3, behind = 600 }) {
    const of = { youtube: ["steps", 38], studio: ["wide", 12], phone: ["poor", 74], archive: ["narrow", 22] };
    Object.assign(this, { mode, max, min, now: Date.now() - behind * 1000, seq: 0, points: [], changes: [], target: max / 2, step: "full", elapsed: 0, below: 0 });
    this.paths = paths.map((name) => new Path(name, capacities[of[name][0]], of[name][1]));
    for (const p of this.paths) p.target = max / 2;
  }

  // play goes on to the present.
  play() {
    while (this.now + interval <= Date.now()) this.tick();
    return this;
  }

  tick() {
    this.now += interval;
    this.elapsed += interval / 1000;
    this.seq++;
    const before = this.target;
    const video = this.step === "audio-only" ? 0 : this.target * (0.97 + 0.06 * Math.random()) * (this.elapsed % 2 < 0.2 ? 1.25 : 1);
    this.video = video;
    for (const p of this.paths) {
      const shed = this.shed(p);
      p.step(this.elapsed, (shed ? 0 : video * 1.04) + 134e3, this.min, this.max);
    }
    const first = this.paths[0];
    this.decider = first && this.mode === "adaptive" && first.target < this.max ? first.name : "";
    this.code = first ? first.code : "max";
    if (this.mode === "fixed") [this.target, this.code] = [this.max, "max"];
    else this.target = first ? first.target : this.max;
    this.choose(first);
    if (Math.abs(this.target - before) > 0.03 * before || (this.target !== before && this.target === this.max)) this.note(before, first);
    else if (this.target > before) this.target = before; // increases reach the encoder from 3 %
    this.points.push({ seq: this.seq, t: this.now, target: this.target, video, paths: Object.fromEntries(this.paths.map((p) => [p.name, this.path(p)])) });
    if (this.points.length > pointsKept) this.points.shift();
  }

  shed(p) {
    return p !== this.paths[0] && p.capacity(this.elapsed) < this.target;
  }

  choose(first) {
    if (this.mode === "fixed" || !first || first.dead) return;
    const carries = first.capacity(this.elapsed);
    this.step = carries > this.min * 1.2 ? "full" : carries > 0.7 * this.min ? "half-rate" : "audio-only";
  }

  note(from, first) {
    this.changes.push({ seq: this.seq, t: this.now, from: Math.round(from), to: Math.round(this.target), destination: first?.name ?? "", code: this.code, text: reasons[this.code] });
    if (this.changes.length > 500) this.changes.shift();
  }

  state(p) {
    if (p.lost) return "outage";
    return this.shed(p) ? "shed" : "following";
  }

  path(p) {
    const state = this.state(p);
    const queue_ms = Math.round(Math.min(p.delay ?? 0, 9000));
    return { target: p.target, sent: p.sent, acked: p.acked, estimate: p.estimate, queue_ms, rtt_ms: p.rtt + 0.9 * queue_ms, state };
  }

  answer(since) {
    this.play();
    const { mode, min, max, decider, code, step } = this;
    const after = (x) => x.seq > since || since > this.seq;
    return {
      stream: "main", mode, policy: "protect-primary", min, max, interval_ms: interval, next: this.seq, now: Date.now(), decider, code, reason: reasons[code], step,
      points: since > this.seq ? [] : this.points.filter(after),
      changes: since > this.seq ? [] : this.changes.filter(after),
    };
  }

  status() {
    this.play();
    const { mode, min, max, target, video, decider, code, step } = this;
    const paths = this.paths.map((p) => ({ destination: p.name, ...this.path(p), code: p.code, reason: this.shed(p) ? "the link is too slow for the picture" : reasons[p.code], shares: [] }));
    return { mode, policy: "protect-primary", min, max, target, video, step, decider, code, reason: reasons[code], since: new Date(this.now - 4000).toISOString(), paths };
  }
}
