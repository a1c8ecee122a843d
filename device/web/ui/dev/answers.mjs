// What the box answers beside its status: incidents and recordings.

const began = Date.now();
const at = (s) => new Date(began - s * 1000).toISOString();

function incident(id, ago, lasted, stream, subject, kind, symptom, blame, because, detail, amount = {}, count = 1) {
  return {
    id,
    at: at(ago),
    until: at(ago - lasted),
    ongoing: lasted > 0 && ago === lasted ? true : undefined,
    boot: "5f3c1a70",
    uptime: 273_912 - ago,
    lasted,
    stream,
    subject,
    kind,
    symptom,
    blame,
    because,
    detail,
    count,
    amount,
  };
}

const refused = "rtmp://backup.example.com/live/***: connection refused: is the server running on backup.example.com:1935?";

const all = [
  incident(61, 66, 66, "main", "destination backup", "gap", "connection", "server", "the receiver refused, answered with an error, or hung up", refused, { seconds: 66 }, 5),
  incident(60, 240, 12, "main", "destination backup", "drop", "queue", "server", "its receiver refused or hung up at that time", "its queue was full", { packets: 1284 }, 12),
  incident(59, 600, 41, "main", "input", "gap", "signal", "input", "the input had no good signal", "no signal: check the cable", { seconds: 41 }),
  incident(58, 602, 0, "main", "segments", "gap", "discontinuity", "input", "the input was not good at that time", "segment 812 does not continue the one before it"),
  incident(57, 1500, 0, "main", "clock", "restart", "clock", "clock", "the time of day was set", "the time of day was set by 1.204s"),
  ...[1810, 1840, 1900, 1990, 2080].map((s, n) => incident(56 - n, s, 3, "main", "destination cdn", "late", "late", "link", "its link was slow or did not answer at that time", "segment 700 took 5.1 s, and lasts 2 s", { segments: 1, bytes: 1_030_000 })),
  incident(51, 2600, 95, "main", "recording", "gap", "storage", "disk", "storage failed or was too slow", "write /mnt/sd/main/2026-11-21.mp4: no space left on device", { segments: 47, bytes: 48_000_000 }, 47),
  incident(50, 3300, 0, "main", "encoder", "drop", "skipped", "encoder", "the encoder had no time for these pictures", "pictures were left out: the encoder had no time for them", { packets: 14 }, 3),
  ...Array.from({ length: 40 }, (_, n) => incident(49 - n, 5000 + n * n * 45, 20, "main", "destination cdn", n % 3 ? "late" : "gap", "connection", n % 4 ? "link" : "server", "nobody answered on the way to the receiver", "not connected within 10s: i/o timeout", {}, n + 1)),
  { ...incident(9, 90_000, 0, "", "box", "restart", "start", "encoder", "the box or one of its parts began anew", "started again after an end without warning: power was cut, or the daemon was killed or crashed"), at: undefined, until: undefined, boot: "0a0a0a0a", uptime: 12 },
];

const recordings = {
  recordings: [
    { name: "main-2026-11-21T10-30-00.mp4", url: "files/main-2026-11-21T10-30-00.mp4", writing: true, begin: at(712), duration_seconds: 712, bytes: 367_000_000, marks: [] },
    { name: "main-2026-11-21T10-00-00.mp4", url: "files/main-2026-11-21T10-00-00.mp4", writing: false, begin: at(2512), duration_seconds: 1800, bytes: 930_000_000, marks: [{ at_seconds: 61, text: "kick-off" }] },
  ],
  total: 2,
  finished: [{ name: "interview.finished.mp4", url: "files/interview.finished.mp4", bytes: 51_000_000, modified: at(40_000) }],
};

const recording = "api/v1/streams/main/recordings";

// Each answers for a scenario; nothing is 404.
export const answers = {
  "api/v1/incidents": (scenario, query) => {
    const span = { "1h": 3600, "24h": 86_400 }[query.get("from")] ?? Infinity;
    const incidents = scenario.incidents ? all.filter((i) => (i.at ? began - Date.parse(i.at) <= span * 1000 : span === Infinity)) : [];
    return { boot: { id: "5f3c1a70", began: at(273_912), clock: true }, incidents, next: 0 };
  },
  "api/v1/streams/main/rate": (scenario, query) => scenario.rate?.answer(Number(query.get("since") ?? 0)),
  [recording]: () => recordings,
  [`${recording}/jobs`]: () => ({
    jobs: [{ id: 1, state: "running", format: "mp4", files: ["a.mp4"], result: "match.finished.mp4", progress: 0.42, eta_seconds: 31 }],
  }),
};
