// Messages that are changed here and there under a seed: each is read, or refused as one.

import { describe, expect, it } from "vitest";
import fixtures from "../../tests/fixtures/protocol.json" with { type: "json" };
import { ProtocolError } from "../src/fields.ts";
import { parse, parseState } from "../src/protocol.ts";

const MESSAGES = 100_000;
const PATIENCE = { timeout: 60_000 };
const ODD: unknown[] = [
  null,
  undefined,
  true,
  -1,
  0.5,
  2 ** 60,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  "",
  "\ud800",
  "<b onclick=x>",
  "x".repeat(100_000),
  [],
  [null],
  {},
  { toString: 1 },
  { type: "block" },
];
const kinds = Object.values<object>(fixtures.to_page);

/** Numbers from 0 to below `end`, the same for one seed. Source: mulberry32, Tommy Ettinger. */
function drawing(seed: number) {
  let state = seed;
  return (end: number) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end);
  };
}

/** A value like `known` of which one part is another one, or is missing. */
function changed(known: unknown, draw: (end: number) => number): unknown {
  if (typeof known !== "object" || known === null || draw(8) === 0) {
    return ODD[draw(ODD.length)];
  }
  const entries: [string, unknown][] = Object.entries(known);
  const [name, value] = entries[draw(entries.length)] ?? ["", null];
  const rest = entries.filter(([other]) => other !== name);
  const made = draw(6) === 0 ? rest : [...rest, [name, changed(value, draw)] as const];
  return Array.isArray(known) ? made.map(([, each]) => each) : Object.fromEntries(made);
}

describe("a message that was changed", () => {
  it.each([
    ["of any kind", kinds, (content: unknown, odd: unknown) => parse(content, [odd])],
    ["a state", [fixtures.to_page.state.state], (content: unknown) => parseState(content)],
  ])("is read or refused as one: %s", PATIENCE, (_, known, read) => {
    const draw = drawing(1);
    let refused = 0;
    for (let count = 0; count < MESSAGES; count += 1) {
      let content = changed(known[draw(known.length)], draw);
      content = draw(2) === 0 ? changed(content, draw) : content;
      try {
        read(content, ODD[draw(ODD.length)]);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(MESSAGES / 4);
    expect(refused).toBeLessThan(MESSAGES);
  });
});
