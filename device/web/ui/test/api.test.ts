import assert from "node:assert/strict";
import { test } from "node:test";
import { lines } from "../src/api.ts";

// answering makes fetch give these pieces of a body.
function answering(status: number, ...pieces: string[]): void {
  const encoder = new TextEncoder();
  globalThis.fetch = async () =>
    new Response(
      new ReadableStream({
        start(to) {
          for (const p of pieces) to.enqueue(encoder.encode(p));
          to.close();
        },
      }),
      { status },
    );
}

async function read(): Promise<unknown[]> {
  const got: unknown[] = [];
  await lines("x", new AbortController().signal, (line) => got.push(line));
  return got;
}

test("lines come whole, however the network cuts them", async () => {
  answering(200, '{"step":1}\n{"st', 'ep":"', "\u00fc", '"}\n\n{"report":{}}');
  assert.deepEqual(await read(), [{ step: 1 }, { step: "\u00fc" }, { report: {} }]);
  answering(200);
  assert.deepEqual(await read(), []);
});

test("what is refused has the box's words", async () => {
  answering(503, '{"error":"other preflights are under way: wait for them"}');
  await assert.rejects(read(), /other preflights are under way/);
  answering(200, '{"step":1}\nnot JSON\n');
  await assert.rejects(read());
});
