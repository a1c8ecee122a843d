// Reading something of the box again and again, while the page is looked at.

import { useEffect, useRef, useState } from "preact/hooks";
import { get, Missing } from "./api.ts";

export interface Polled<T> {
  value: T | null;
  missing: boolean; // the box has no such thing
  failed: boolean; // the last try did not work: the value is an old one
  again(): void;
}

const missingAgain = 60_000; // ms: it may be switched on

// usePoll reads path every so many ms, "" not at all. Another `key` begins anew.
export function usePoll<T>(path: string, every: number, key: string): Polled<T> {
  const [state, setState] = useState<{ of: string; value: T | null; missing: boolean; failed: boolean }>({ of: "", value: null, missing: false, failed: false });
  const now = useRef<() => void>(() => undefined);
  const of = `${key} ${path}`;
  useEffect(() => {
    let over = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let text = "";
    const look = async () => {
      clearTimeout(timer);
      if (over || document.hidden || path === "") return;
      let wait = every;
      try {
        const value = await get<T>(path);
        const next = JSON.stringify(value);
        // What has not changed is not drawn anew.
        if (!over && next !== text) setState({ of, value, missing: false, failed: false });
        text = next;
      } catch (err) {
        if (over) return;
        text = "";
        wait = err instanceof Missing ? missingAgain : every;
        if (err instanceof Missing) setState({ of, value: null, missing: true, failed: false });
        else setState((s) => ({ of, value: s.value, missing: false, failed: true }));
      }
      if (over) return;
      clearTimeout(timer);
      timer = setTimeout(() => void look(), wait);
    };
    const shown = () => void look();
    now.current = shown;
    document.addEventListener("visibilitychange", shown);
    void look();
    return () => {
      over = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", shown);
    };
  }, [of, every]);
  return { value: state.value, missing: state.of === of && state.missing, failed: state.failed, again: () => now.current() };
}
