// The states that the page is looked at in. Each is made anew for every
// snapshot, so that its numbers move.

import { Rate } from "./rate.mjs";

const began = Date.now();
const ago = (s) => new Date(Date.now() - s * 1000).toISOString();
const since = (s) => new Date(began - s * 1000).toISOString();
const until = (s) => new Date(began + s * 1000 * Math.ceil((Date.now() - began + 1) / (s * 1000))).toISOString();
const elapsed = () => (Date.now() - began) / 1000;

function box(streams, conditions = []) {
  return {
    sequence: Date.now(),
    time: new Date().toISOString(),
    version: "v0.1.0",
    hostname: "encoder-studio-2",
    started: since(273_912),
    process: { cpu_percent: 11 + 3 * Math.random(), rss_bytes: 27_400_000, goroutines: 41 },
    streams,
    conditions,
  };
}

function stream(over = {}) {
  const t = 273_900 + elapsed();
  return {
    name: "main",
    input: { kind: "file", description: "vtest.mp4: h264 1280x720 30 fps, aac 48 kHz stereo", state: "running", dropped: 0 },
    video: {
      codec: "avc1.640028",
      encoder: "openh264 (software)",
      width: 1280,
      height: 720,
      frame_rate: 29.97 + Math.random() / 50,
      bitrate: 4_000_000 + 400_000 * Math.sin(t / 7) + 300_000 * Math.random(),
      target: 4_000_000,
      frames: Math.round(t * 30),
      key_frames: Math.round(t / 2),
      divided: 0,
      skipped: 0,
    },
    audio: { codec: "mp4a.40.2", encoder: "aac (software)", sample_rate: 48000, channels: 2, bitrate: 128_000 },
    hls: {
      url: "/hls/main/index.m3u8",
      dash: "/dash/main/manifest.mpd",
      segments: 6,
      first_sequence: 100 + Math.floor(elapsed() / 2),
      last_sequence: 105 + Math.floor(elapsed() / 2),
      last_duration: 2,
      target_duration: 2,
      window_bytes: 6_170_000,
      window_duration: 12,
      dropped: 0,
      discontinuities: 0,
    },
    destinations: [active("platform", "rtmp", "rtmps://live.example.com/app/***"), active("studio", "srt", "srt://studio.example.com:9000?streamid=main")],
    conditions: [],
    ...over,
  };
}

function active(name, kind, url) {
  return {
    name,
    kind,
    url,
    state: "active",
    attempts: 1,
    connected_at: since(93_512),
    bytes: Math.round((93_512 + elapsed()) * 520_000),
    bitrate: 4_130_000 + 200_000 * Math.random(),
    dropped: 0,
    queue: { packets: Math.floor(3 * Math.random()), bytes: 14_000 },
    p99_ms: 1.1 + Math.random(),
    rtt_ms: kind === "srt" ? 24 + 3 * Math.random() : 0,
    retransmitted: kind === "srt" ? 311 : 0,
    lost: 0,
    outstanding: Math.round(40_000 * Math.random()),
    errors: [],
  };
}

const refused = "rtmp://backup.example.com/live/***: connection refused: is the server running on backup.example.com:1935?";

function reconnecting() {
  return {
    ...active("backup", "rtmp", "rtmp://backup.example.com/live/***"),
    state: "reconnecting",
    cause: "refused",
    breaker: "open",
    reason: "10 attempts in a row failed: the receiver is left alone until 15:04:05, then one attempt decides",
    connected_at: undefined,
    next_attempt: until(17),
    bitrate: 0,
    attempts: 42,
    dropped: 1284,
    errors: [12, 29, 47, 66].map((s) => ({ time: since(s), message: refused })).concat({
      time: since(4000),
      message: "write: connection reset by peer after 2 h 11 min",
    }),
  };
}

function behind() {
  return {
    ...active("cdn", "cmaf", "https://ingest.example.com/live/main/"),
    forward: { state: "behind", text: "live, behind by 3m12s, 96 MB", at_live: true, lag_seconds: 192, lag_bytes: 96_000_000, lag_segments: 96, stored: true, sent_segments: 46_660, retries: 12, verified: 1, skipped: 0 },
  };
}

function failed() {
  return {
    ...active("archive", "srt", "srt://10.20.30.40:7001?mode=caller&latency=400ms&streamid=publish/archive-of-everything"),
    state: "failed",
    cause: "auth",
    connected_at: undefined,
    bitrate: 0,
    bytes: 0,
    attempts: 10,
    errors: [{ time: since(90_000), message: "srt: connect to 10.20.30.40:7001: the passphrase was not accepted <b>not markup</b>" }],
  };
}

function disabled() {
  return { ...active("rehearsal", "rtmp", "rtmp://rehearsal.example.com/app/***"), state: "disabled", connected_at: undefined, bytes: 0, bitrate: 0, attempts: 0 };
}

function paused() {
  return { ...disabled(), name: "social", url: "rtmps://social.example.com/rtmp/***", kind: "rtmps", paused: true, reason: "paused by 192.168.1.20" };
}

function standby() {
  return { ...disabled(), name: "spare", held: true, reason: "standby: platform is active" };
}

const air = { name: "air", policy: "primary_backup", members: ["platform", "spare"], minimum: 1, active: 1, text: "platform is active" };

const both = { name: "contribution", policy: "all", members: ["archive", "backup"], minimum: 1, active: 0, text: "0 of 2 active", alarm: "0 of 2 members are active, the minimum is 1" };

const slow = "less than 2 Mb/s was sent over 10s: the link, or the receiver, is too slow";

const log = [
  { time: since(93_520), severity: "info", stream: "main", subject: "input", message: "running" },
  { time: since(93_512), severity: "info", stream: "main", subject: "destination platform", message: "active" },
  { time: since(4000), severity: "warning", stream: "main", subject: "destination backup", message: "reconnecting: write: connection reset by peer" },
  { time: since(66), severity: "error", stream: "main", subject: "destination archive", message: "failed: gave up after 10 attempts" },
  { time: since(12), severity: "warning", stream: "main", subject: "destination backup", message: `reconnecting: ${refused}` },
];

const forcedCut = {
  code: "segment.forced_cut",
  severity: "warning",
  message: "segments are cut without a key frame: the input has none for 3 s; set its key frame interval to 2 s",
  since: since(340),
};

const inputFailed = {
  kind: "file",
  description: "",
  state: "retrying",
  error: "file: open /media/footage.mp4: no such file: put it there or set streams.main.input.path",
  retry: until(8),
  dropped: 12,
};

const recording = () => ({
  mode: "manual",
  state: "recording",
  reason: "command",
  since: since(712),
  until: null,
  next: null,
  stopped: false,
  file: "main-2026-11-21T10-30-00.mp4",
  files: 1,
  bytes: Math.round(516_000 * (712 + elapsed())),
  duration_seconds: 712 + elapsed(),
  free_bytes: 21_000_000_000,
  bytes_per_second: 516_000,
  remaining_seconds: 40_697,
});

// Streams whose bit rate follows links; each goes on as long as the fake box runs.
const rates = {
  rate: new Rate({ paths: ["youtube", "studio"] }),
  crowd: new Rate({ paths: ["youtube", "studio", "archive"] }),
  poor: new Rate({ paths: ["phone"], max: 3e6 }),
  fixed: new Rate({ paths: ["youtube"], mode: "fixed", max: 3e6 }),
  alone: new Rate({ paths: [] }),
};

function following(name) {
  const rate = rates[name];
  const now = rate.status();
  const s = stream({ rate: now, destinations: now.paths.map((p) => active(p.destination, "srt", `srt://${p.destination}.example.com:9000`)) });
  s.video = { ...s.video, bitrate: now.video, target: now.target };
  return { snapshot: box([s]), log: log.slice(0, 2), rate };
}

const idle = { video: null, audio: null, destinations: [], conditions: [] };

export const scenarios = {
  ...Object.fromEntries(Object.keys(rates).map((name) => [name, () => following(name)])),
  well: () => ({ snapshot: box([stream()]), log: log.slice(0, 2) }),
  reconnecting: () => ({
    snapshot: box([
      stream({
        destinations: [failed(), reconnecting(), behind(), ...stream().destinations, { ...active("slow", "srt", "srt://slow.example.com:9000"), alarm: slow, buffered_ms: 312, bandwidth: 3_100_000 }, paused(), standby(), disabled()],
        groups: [air, both],
        conditions: [forcedCut],
        recording: recording(),
      }),
    ]),
    log,
    incidents: true,
  }),
  input: () => ({
    snapshot: box([
      stream({
        ...idle,
        input: { ...inputFailed, retry: until(8) },
        hls: { ...stream().hls, segments: 0, last_duration: 0, window_bytes: 0, window_duration: 0 },
        destinations: [{ ...disabled(), name: "platform", state: "starting" }],
        conditions: [{ code: "input.failed", severity: "error", message: inputFailed.error, since: since(35) }],
      }),
    ]),
    log,
  }),
  none: () => ({ snapshot: box([]), log: [] }),
  starting: () => ({
    snapshot: box([stream({ ...idle, input: { ...stream().input, state: "starting", description: "" }, hls: null })]),
    log: [],
  }),
  many: () => ({
    snapshot: box(
      [
        stream({ name: "camera-2", ...idle, input: inputFailed, hls: null }),
        stream({ destinations: [reconnecting(), ...stream().destinations] }),
        stream({ name: "radio", video: null, destinations: [] }),
      ],
      [{ code: "clock", severity: "info", message: "the time of day is not known yet: no time server has answered", since: ago(20) }],
    ),
    log,
  }),
};
