// Our code once a page.

import { afterEach, expect, test } from "vitest";
import { firstOf, shared } from "../src/shared.ts";

afterEach(() => {
  globalThis.longliveCode = undefined;
});

test("widgets of one build run the code of the first of them", () => {
  const [first, second] = [() => 1, () => 2];
  expect(firstOf("a", first)).toBe(first);
  expect(firstOf("a", second)).toBe(first);
});

test("another build runs its own code beside it", () => {
  const [first, second] = [() => 1, () => 2];
  firstOf("a", first);
  expect(firstOf("b", second)).toBe(second);
  expect(firstOf("a", second)).toBe(first);
});

test("what was not built, as while somebody works on it, is shared with nobody", () => {
  const [first, second] = [() => 1, () => 2];
  expect(shared(first)).toBe(first);
  expect(shared(second)).toBe(second);
});
