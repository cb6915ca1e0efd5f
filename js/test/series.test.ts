import { expect, it } from "vitest";
import { asText, blockRange } from "../src/charts/series.ts";

it("a prompt in a chart is text, however it looks", () => {
  expect(asText("<b>a & b</b>")).toBe("&lt;b&gt;a &amp; b&lt;/b&gt;");
  expect(asText("x".repeat(200))).toHaveLength(80);
});

it("a chart shows all blocks until there are many, then the newest", () => {
  expect(blockRange(3)).toEqual([-0.6, 11.6]);
  expect(blockRange(59)).toEqual([-0.6, 59.6]);
  expect(blockRange(100)).toEqual([40.4, 100.6]);
});
