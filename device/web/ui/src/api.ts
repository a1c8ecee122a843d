// Requests to the box besides its event stream.

const limit = 15_000; // ms

// Missing says that the box has no such thing: an older version, or not configured.
export class Missing extends Error {}

// get reads JSON. An unchanged answer costs the box a line.
export async function get<T>(path: string): Promise<T> {
  const answer = await ask(path, { cache: "no-cache" });
  return (await answer.json()) as T;
}

// act asks the box to do something. An error has the box's own words.
export async function act(method: "POST" | "DELETE", path: string, body?: unknown): Promise<void> {
  const init: RequestInit = { method };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { "Content-Type": "application/json" };
  }
  await ask(path, init);
}

// lines asks the box to do something that takes its time, and passes the lines of
// JSON that it answers as they come. Its end is the caller's to bring about.
export async function lines<T>(path: string, signal: AbortSignal, each: (line: T) => void): Promise<void> {
  const answer = await fetch(path, { method: "POST", signal });
  if (!answer.ok) throw new Error(await words(answer));
  const reader = answer.body!.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    rest += decoder.decode(value, { stream: !done });
    const whole = rest.split("\n");
    rest = done ? "" : whole.pop()!;
    for (const line of whole) if (line.trim()) each(JSON.parse(line) as T);
    if (done) return;
  }
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), limit);
  try {
    const answer = await fetch(path, { ...init, signal: stop.signal });
    if (answer.ok) return answer;
    if (answer.status === 404 && !init.method) throw new Missing(path);
    throw new Error(await words(answer));
  } catch (err) {
    if (stop.signal.aborted) throw new Error("the box does not answer");
    throw err;
  } finally {
    clearTimeout(timer);
  }
}

async function words(answer: Response): Promise<string> {
  try {
    const { error, problems } = (await answer.json()) as { error?: string; problems?: string[] };
    if (error) return [error, ...(problems ?? [])].join("; ");
  } catch {
    // not from the box's API: a proxy, perhaps
  }
  return `the box answered ${answer.status} ${answer.statusText}`;
}
