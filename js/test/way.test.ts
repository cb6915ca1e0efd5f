import { expect, it } from "vitest";
import { Way } from "../src/playback/way.ts";

const unknown = { wire_ms: null, wire_within_ms: null, decode_ms: null };

it("before the kernel's clock was heard of, the wire is not known", () => {
  const way = new Way();
  way.came(1, 0, 5000, 100);
  expect(way.of(1, 0)).toEqual(unknown);
  way.decoded(1, 0, 12.345);
  expect(way.of(1, 0)).toEqual({ ...unknown, decode_ms: 12.35 });
});

it("the wire is told by the quickest answer, to within half of what that took", () => {
  const way = new Way();
  expect(way.heard(100, 5500, 300)).toBe(1); // the kernel is 5300 ms ahead, give or take 100
  expect(way.heard(400, 5690, 408)).toBe(2); // 5286 ms, give or take 4
  expect(way.heard(500, 5900, 700)).toBe(3);
  way.came(1, 7, 6000, 730);
  expect(way.of(1, 7)).toEqual({ ...unknown, wire_ms: 16, wire_within_ms: 4 });
});

it("a quick answer is forgotten after a while, for clocks drift", () => {
  const way = new Way();
  way.heard(0, 1000, 2);
  for (let asked = 10; asked < 130; asked += 10) {
    way.heard(asked, asked + 2005, asked + 10);
  }
  way.came(1, 0, 2200, 220);
  expect(way.of(1, 0)).toEqual({ ...unknown, wire_ms: 20, wire_within_ms: 5 });
});

it("the kernel's clock is told by the quickest answer, once there is one", () => {
  const way = new Way();
  expect(way.kernelMs(700)).toBeNull();
  way.heard(100, 5500, 300);
  way.heard(400, 5690, 408);
  expect(way.kernelMs(700)).toBe(5986);
});

it("nothing comes before it was sent", () => {
  const way = new Way();
  way.heard(0, 100, 20);
  way.came(1, 0, 200, 105);
  expect(way.of(1, 0).wire_ms).toBe(0);
});

it("blocks of another video are told apart, and those of long ago forgotten", () => {
  const way = new Way();
  way.decoded(1, 0, 5);
  expect(way.of(2, 0)).toEqual(unknown);
  for (let block = 1; block < 100; block++) {
    way.decoded(2, block, 6);
  }
  expect(way.of(1, 0)).toEqual(unknown);
  expect(way.of(2, 99).decode_ms).toBe(6);
});
