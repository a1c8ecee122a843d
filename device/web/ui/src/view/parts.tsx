// Small parts that the panels are made of.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { count } from "../format.ts";
import type { Level } from "../summary.ts";

// State is a state in words, with a colour and a mark that differ by level.
export function State({ level, children }: { level: Level; children: ComponentChildren }) {
  return (
    <span class={`state ${level}`}>
      <Mark level={level} />
      {children}
    </span>
  );
}

export function Mark({ level }: { level: Level }) {
  return (
    <svg class={`mark ${level}`} viewBox="0 0 12 12" aria-hidden="true">
      {marks[level]}
    </svg>
  );
}

// Shapes differ too: colour alone tells nothing to one man in twelve.
const marks: Record<Level, ComponentChildren> = {
  idle: <circle cx="6" cy="6" r="3.6" fill="none" stroke="currentColor" stroke-width="1.8" />,
  ok: <circle cx="6" cy="6" r="4.5" fill="currentColor" />,
  busy: <path d="M6 1.5a4.5 4.5 0 1 1-4.5 4.5" fill="none" stroke="currentColor" stroke-width="2.2" />,
  warning: <path d="M6 .8 11.7 11H.3z" fill="currentColor" />,
  error: <path d="M6 .5 11.5 6 6 11.5.5 6z" fill="currentColor" />,
};

export function Panel(props: { id: string; title: string; aside?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class={`panel ${props.id}`} aria-labelledby={`${props.id}-title`}>
      <header class="panel-head">
        <h2 id={`${props.id}-title`}>{props.title}</h2>
        {props.aside}
      </header>
      {props.children}
    </section>
  );
}

// Fact is a named value.
export function Fact(props: { name: string; children: ComponentChildren; wide?: boolean; title?: string }) {
  return (
    <div class={`fact${props.wide ? " wide" : ""}`} title={props.title}>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}

const lostShown = 60_000; // ms

// Lost is a count of what got lost. It stands out for a minute after it has
// risen; what was lost long ago asks nobody for anything.
export function Lost({ n }: { n: number }) {
  const seen = useRef({ n, roseAt: -Infinity });
  const now = performance.now();
  if (n !== seen.current.n) seen.current = { n, roseAt: n > seen.current.n ? now : -Infinity };
  const fresh = now - seen.current.roseAt < lostShown;
  return <span class={fresh ? "fresh-loss" : undefined}>{count(n)}</span>;
}

const unsure = 5_000; // ms: then nobody means it any more

interface SureProps {
  kind: string; // its class
  label: string;
  what?: string; // of several that look alike
  title?: string;
  settle?: number; // ms in which a second press is none
  disabled?: boolean;
  go(): void;
}

// Sure is a button that asks once more, in place.
export function Sure({ kind, label, what, title, settle = 0, disabled, go }: SureProps) {
  const [sure, setSure] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>();
  const asked = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const press = () => {
    if (sure && performance.now() - asked.current < settle) return;
    clearTimeout(timer.current);
    if (sure) go();
    else timer.current = setTimeout(() => setSure(false), unsure);
    asked.current = performance.now();
    setSure(!sure);
  };
  const name = [sure ? `Really ${label.toLowerCase()}` : label, what].filter(Boolean).join(" ");
  return (
    <button type="button" class={sure ? `${kind} sure error` : kind} title={title} aria-label={name} disabled={disabled} onClick={press} onBlur={() => setSure(false)}>
      {sure ? "Really?" : label}
    </button>
  );
}

// Address is something to copy.
export function Address({ label, value }: { label: string; value: string }) {
  const field = useRef<HTMLInputElement>(null);
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    if (!(await copyText(value, field.current!))) return;
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <div class="address">
      <input ref={field} readOnly value={value} aria-label={label} spellcheck={false} onFocus={(e) => e.currentTarget.select()} />
      <button type="button" onClick={() => void copy()} aria-label={`Copy ${label}`}>
        <span aria-live="polite">{copied ? "Copied" : "Copy"}</span>
      </button>
    </div>
  );
}

// copyText copies where the page came by plain HTTP too, for which browsers
// have no navigator.clipboard.
async function copyText(text: string, field: HTMLInputElement): Promise<boolean> {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // refused: try the old way
    }
  }
  field.focus();
  field.select();
  return document.execCommand("copy");
}
