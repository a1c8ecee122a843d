import { useEffect, useState } from "preact/hooks";

export type Run = (what: Promise<void>, done?: string) => void;

const remembered = 8_000; // ms that what was done is told

// useAction keeps what the box said to the last thing a person asked of it.
export function useAction(then: () => void): { failure: string; done: string; run: Run } {
  const [said, setSaid] = useState({ failure: "", done: "" });
  useEffect(() => {
    if (!said.done) return;
    const timer = setTimeout(() => setSaid({ failure: "", done: "" }), remembered);
    return () => clearTimeout(timer);
  }, [said]);
  const run: Run = (what, done = "") => {
    setSaid({ failure: "", done: "" });
    what.then(
      () => (setSaid({ failure: "", done }), then()),
      (err: Error) => setSaid({ failure: err.message, done: "" }),
    );
  };
  return { ...said, run };
}
