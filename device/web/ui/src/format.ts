// Numbers and times as operators read them. Every result keeps its width as
// its number ticks: fixed decimals, and three significant digits where units change.

const none = "–";

function significant(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function scaled(value: number, step: number, units: string[]): string {
  let unit = 0;
  // 999.5 would read "1000".
  while (value >= step * 0.9995 && unit < units.length - 1) {
    value /= step;
    unit++;
  }
  return unit === 0 ? `${Math.round(value)} ${units[0]}` : `${significant(value)} ${units[unit]}`;
}

export function bitrate(bitsPerSecond: number): string {
  return scaled(bitsPerSecond, 1000, ["b/s", "kb/s", "Mb/s", "Gb/s"]);
}

export function bytes(count: number): string {
  return scaled(count, 1000, ["B", "kB", "MB", "GB", "TB"]);
}

// count groups digits by thousands, by a narrow no-break space.
export function count(n: number): string {
  return Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

export function frameRate(fps: number): string {
  return fps > 0 ? `${fps.toFixed(2)} fps` : none;
}

export function milliseconds(ms: number): string {
  if (ms <= 0) return none;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

export function seconds(s: number): string {
  return `${s.toFixed(2)} s`;
}

// clock is a running time: "4:12", "1:02:03", "3 d 04:12:33".
export function clock(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number) => n.toString().padStart(2, "0");
  const days = Math.floor(s / 86400);
  const hours = Math.floor(s / 3600) % 24;
  const tail = `${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  if (days > 0) return `${days} d ${two(hours)}:${tail}`;
  return hours > 0 ? `${hours}:${tail}` : tail.replace(/^0/, "");
}

// countdown is how long until something is done; it never reads less than now.
export function countdown(ms: number): string {
  const s = Math.ceil(ms / 1000);
  if (s <= 0) return "now";
  return s < 60 ? `in ${s} s` : `in ${clock(s * 1000)}`;
}

// moment is a time of day, with the date where that is not today's.
export function moment(at: Date, now: Date): string {
  const two = (n: number) => n.toString().padStart(2, "0");
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  if (at.toDateString() === now.toDateString()) return time;
  const year = at.getFullYear() === now.getFullYear() ? "" : ` ${at.getFullYear()}`;
  return `${at.getDate()} ${months[at.getMonth()]}${year} ${time}`;
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// codec names an RFC 6381 codec string for people, and keeps what it does not know.
export function codec(rfc6381: string): string {
  const avc = /^avc[13]\.([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(rfc6381);
  if (avc) {
    const constraints = parseInt(avc[2]!, 16);
    const level = parseInt(avc[3]!, 16) / 10;
    const profile = avcProfiles[parseInt(avc[1]!, 16)] ?? "";
    const constrained = profile === "Baseline" && constraints & 0x40 ? "Constrained " : "";
    return `H.264 ${constrained}${profile} ${level.toFixed(1)}`.replace(/\s+/g, " ");
  }
  if (/^(hvc|hev)1\./.test(rfc6381)) return "H.265";
  return audioCodecs[rfc6381.toLowerCase()] ?? rfc6381;
}

const avcProfiles: Record<number, string> = { 66: "Baseline", 77: "Main", 88: "Extended", 100: "High" };
const audioCodecs: Record<string, string> = {
  "mp4a.40.2": "AAC-LC",
  "mp4a.40.5": "HE-AAC",
  "mp4a.40.29": "HE-AAC v2",
  opus: "Opus",
};

export function channels(n: number): string {
  return n === 1 ? "mono" : n === 2 ? "stereo" : `${n} channels`;
}

export function sampleRate(hz: number): string {
  return `${hz / 1000} kHz`;
}

// plural is "1 destination", "2 destinations".
export function plural(n: number, thing: string): string {
  return `${n} ${thing}${n === 1 ? "" : "s"}`;
}
