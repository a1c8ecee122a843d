import assert from "node:assert/strict";
import { test } from "node:test";
import { causeText, commands as commandsOf, groupLine, groupOf, levelOf, Order, trouble } from "../src/destinations.ts";
import type { Destination, Group } from "../src/types.ts";

const d = { name: "main", state: "active", errors: [] } as unknown as Destination;
const g: Group = { name: "air", policy: "primary_backup", members: ["main", "spare"], minimum: 1, active: 1, text: "main is active" };

test("what can be asked of a destination", () => {
  const operator = new Set(["destination pause"]);
  const commands = (d: Destination) => commandsOf(d, operator);
  assert.deepEqual(commands(d), ["pause"]);
  assert.deepEqual(commands({ ...d, state: "reconnecting" }), ["retry", "pause"]);
  assert.deepEqual(commands({ ...d, state: "failed" }), ["retry", "pause"]);
  assert.deepEqual(commands({ ...d, state: "disabled", paused: true }), ["resume"]);
  assert.deepEqual(commands({ ...d, state: "disabled", held: true }), ["pause"]);
  assert.deepEqual(commands({ ...d, state: "disabled" }), [], "by the configuration");
  assert.deepEqual(commandsOf({ ...d, state: "disabled" }, new Set(["destination enable"])), ["enable"]);
});

test("an alarm shows on a destination that is active", () => {
  assert.equal(levelOf(d, "ok"), "ok");
  assert.equal(levelOf({ ...d, alarm: "less than 1 Mb/s was sent" }, "ok"), "warning");
  assert.equal(levelOf({ ...d, alarm: "less than 1 Mb/s was sent" }, "error"), "error");
});

test("groups", () => {
  assert.deepEqual(groupLine(g), { level: "ok", what: "primary and backup: main, spare", standing: "main is active" });
  assert.equal(groupLine({ ...g, active: 0, alarm: "0 of 2 members are active, the minimum is 1" }).level, "error");
  assert.equal(groupOf(d, [g]), g);
  assert.equal(groupOf({ ...d, name: "other" }, [g]), undefined);
  assert.equal(groupOf(d, undefined), undefined, "an older box");
});

test("a cause this page does not know is itself", () => {
  assert.equal(causeText("refused"), "nothing listens at the address");
  assert.equal(causeText("new" as never), "new");
});

test("destinations with trouble come first, each sort in its order", () => {
  const all = [
    { ...d, name: "a" },
    { ...d, name: "b", state: "reconnecting" },
    { ...d, name: "c", state: "disabled" },
    { ...d, name: "d", state: "failed" },
    { ...d, name: "e" },
    { ...d, name: "f", alarm: "less than 1 Mb/s was sent" },
    { ...d, name: "g", state: "failed" },
  ] as Destination[];
  const names = (order: Order, list: Destination[], ailing: string[], now: number) => order.of(list, new Set(ailing), now).map((x) => x.name).join("");
  assert.equal(names(new Order(), all, [], 0), "dgbface");
  assert.equal(names(new Order(), all, ["e"], 0), "dgbefac", "its link is too slow");
  assert.equal(trouble({ ...d, forward: { state: "retrying" } } as Destination, new Set()), 1);
  assert.equal(trouble({ ...d, state: "disabled", alarm: "x" } as Destination, new Set([d.name])), 0);
});

test("a destination that comes and goes stays in front", () => {
  const order = new Order();
  const pair = (state: Destination["state"]) => [{ ...d, name: "a" }, { ...d, name: "b", state }] as Destination[];
  const first = (state: Destination["state"], now: number) => order.of(pair(state), new Set(), now)[0]!.name;
  assert.equal(first("active", 0), "a");
  assert.equal(first("reconnecting", 1000), "b");
  assert.equal(first("active", 2000), "b");
  assert.equal(first("active", 20_000), "b");
  assert.equal(first("active", 21_001), "a");
  assert.equal(first("reconnecting", 22_000), "b");
  assert.equal(first("disabled", 22_100), "a", "a person has paused it");
  assert.equal(first("failed", 23_000), "b");
  assert.equal(first("active", 22_000), "a", "the clock was set back");
});
