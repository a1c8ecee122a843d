// The box's status as GET /api/v1/status and its event stream give it. Times
// are RFC 3339 strings of the box's clock.

import type { RateState } from "./rate.ts";
import type { RecorderState } from "./recordings.ts";

export type Severity = "info" | "warning" | "error";

export interface Snapshot {
  sequence: number;
  time: string;
  version: string;
  hostname: string;
  started: string;
  process: { cpu_percent: number; rss_bytes: number; goroutines: number };
  streams: Stream[];
  conditions: Condition[];
}

export interface Condition {
  code: string;
  severity: Severity;
  message: string;
  since: string;
}

export interface Stream {
  name: string;
  default: boolean;
  input: Input;
  video: Video | null;
  audio: Audio | null;
  hls: Hls | null;
  storage?: { recordings: number } | null;
  recording?: RecorderState | null;
  off_air?: string; // who stopped it; absent on the air
  rate?: RateState | null; // absent where nothing is encoded
  destinations: Destination[];
  groups?: Group[];
  conditions: Condition[];
}

export type InputState = "starting" | "running" | "retrying" | "ended";

export interface Input {
  kind: string;
  description: string;
  state: InputState;
  error?: string;
  retry?: string;
  dropped: number;
  signal: Signal | null;
}

// Signal is what a capture device delivers.
export interface Signal {
  state: SignalState;
  detail?: string;
  since: string;
  device: string;
  width: number;
  height: number;
  frame_rate: number;
  pixel: string;
  transfer: string;
  transfer_reason?: string;
  slate: boolean;
  losses: number;
  slate_frames: number;
  frames: number;
  skipped: number;
}

export type SignalState =
  | "ok"
  | "starting"
  | "no_signal"
  | "unstable"
  | "unsupported"
  | "stalled"
  | "device_lost"
  | "encoder_recovering";

export interface Video {
  codec: string;
  encoder: string;
  width: number;
  height: number;
  frame_rate: number;
  bitrate: number;
  target: number;
  frames: number;
  key_frames: number;
  divided: number; // pictures not coded, for a lower frame rate
  skipped: number; // pictures not coded, while none was to be
  hardware: HardwareEncoder | null;
}

export interface HardwareEncoder {
  device: string;
  driver: string;
  healthy: boolean;
  recoveries: number;
  restarts: number;
  error_buffers: number;
  skipped: number;
  live_bitrate: string;
  live_key: string;
}

export interface Audio {
  codec: string;
  encoder: string;
  sample_rate: number;
  channels: number;
  bitrate: number;
}

export interface Hls {
  url: string; // "" when HLS is not served
  dash?: string; // likewise DASH
  segments: number;
  first_sequence: number;
  last_sequence: number;
  last_duration: number;
  target_duration: number;
  window_bytes: number;
  window_duration: number;
  dropped: number;
  discontinuities: number;
}

export type DestinationState =
  | "disabled"
  | "starting"
  | "connecting"
  | "active"
  | "reconnecting"
  | "failed";

export type Cause = "local" | "dns" | "network" | "refused" | "tls" | "auth" | "rejected" | "stalled" | "closed";

// Group is destinations that depend on each other.
export interface Group {
  name: string;
  policy: "independent" | "all" | "primary_backup";
  members: string[];
  minimum: number;
  active: number;
  text: string; // "spare stands in for main"
  alarm?: string;
}

export interface Destination {
  name: string;
  kind: string;
  url: string;
  state: DestinationState;
  cause?: Cause; // of the failure that reconnecting and failed follow
  reason?: string; // why the state is as it is, where that is no failure
  paused?: boolean; // by a person
  held?: boolean; // by its group
  breaker?: "open" | "half_open";
  alarm?: string;
  attempts: number;
  connected_at?: string;
  next_attempt?: string;
  bytes: number;
  bitrate: number;
  dropped: number;
  queue: { packets: number; bytes: number };
  p99_ms: number;
  rtt_ms: number;
  retransmitted: number;
  lost: number;
  outstanding: number;
  in_flight?: number; // packets
  buffered_ms?: number;
  bandwidth?: number;
  errors: { time: string; message: string }[];
  forward?: Forward | null;
}

export type ForwardState = "disabled" | "starting" | "live" | "behind" | "retrying" | "failed";

// Forward is what a destination that sends segments has yet to send.
export interface Forward {
  state: ForwardState;
  text: string; // "behind by 3m12s, 96 MB"
  at_live: boolean; // viewers see what happens now, though older segments wait
  lag_seconds: number;
  lag_bytes: number;
  lag_segments: number;
  oldest?: string | null;
  stored: boolean; // storage keeps segments for it
  sent_segments: number;
  retries: number;
  verified: number; // files that the server had already
  skipped: number; // segments that were gone before they could be sent
}

export interface LogEvent {
  sequence: number;
  time: string;
  severity: Severity;
  stream?: string;
  subject: string;
  message: string;
}
