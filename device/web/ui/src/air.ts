// Whether a stream is on the air, and the commands that page and box have in common.

import { act } from "./api.ts";
import type { Level } from "./summary.ts";
import type { Stream } from "./types.ts";

// command has the box do something, by the name that every surface has for it.
export function command(name: string, args: Record<string, string>): Promise<void> {
  return act("POST", commandPath(name), { args, confirmed: 0 });
}

export function commandPath(name: string): string {
  return `api/v1/commands/${encodeURIComponent(name.replaceAll(" ", "-"))}`;
}

export interface Air {
  on: boolean;
  level: Level;
  text: string;
  why: string; // it is off: "stopped by 192.168.1.20"
}

// airOf is how a stream stands with its destinations; players on the LAN and recordings
// have nothing to do with it.
export function airOf(s: Stream): Air {
  if (s.off_air) return { on: false, level: "idle", text: "Off the air", why: s.off_air };
  const wanted = s.destinations.filter((d) => d.state !== "disabled");
  if (wanted.length === 0) return { on: true, level: "idle", text: "On the air, to nobody", why: "" };
  return { on: true, level: wanted.some((d) => d.state === "active") ? "ok" : "busy", text: "On the air", why: "" };
}
