// After an update of the box an open page is an old program. A wall tablet has
// nobody to reload it, so it does that itself.

// reloadIfNew reloads the page if the box now serves another program.
export async function reloadIfNew(): Promise<void> {
  const mine = document.querySelector<HTMLScriptElement>("script[type=module]")?.getAttribute("src");
  try {
    const answer = await fetch(location.pathname, { cache: "no-cache" });
    if (!mine || !answer.ok || (await answer.text()).includes(mine)) return;
  } catch {
    return; // the next start of the daemon asks again
  }
  location.reload();
}
