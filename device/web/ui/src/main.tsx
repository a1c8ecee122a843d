import { render } from "preact";
import { Connection } from "./connection.ts";
import { Store } from "./store.ts";
import { summarize } from "./summary.ts";
import { reloadIfNew } from "./update.ts";
import { Page } from "./view/page.tsx";

const root = document.getElementById("page")!;
let started: string | undefined;
const store = new Store((state) => {
  if (state.box && state.box.started !== started) {
    if (started !== undefined) void reloadIfNew();
    started = state.box.started;
  }
  const summary = state.box && summarize(state.box);
  const level = !state.online ? "error" : (summary?.level ?? "idle");
  setTab(level, state.online ? summary?.sentence : "No connection", state.box?.hostname);
  render(<Page state={state} summary={summary} choose={(s) => store.choose(s)} />, root);
});

// setTab makes title and icon say the state to who looks at another tab.
function setTab(level: string, sentence: string | undefined, hostname: string | undefined): void {
  const title = [sentence, hostname, "EncoderBox"].filter(Boolean).join(" · ");
  if (document.title !== title) document.title = title;
  const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]")!;
  const file = `icon-${level}.svg`;
  if (icon.getAttribute("href") !== file) icon.setAttribute("href", file);
}

// Running times tick on the second.
function tick(): void {
  if (!document.hidden) store.tick();
  setTimeout(tick, 1000 - (Date.now() % 1000));
}

new Connection(store).start();
tick();
