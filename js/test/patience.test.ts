import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { inTime, tooLate, whenLate } from "../src/patience.ts";

const never = new Promise<string>(() => undefined);

describe("a wait", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("ends with what comes in time, and leaves no timer", async () => {
    expect(await inTime(Promise.resolve("here"), tooLate("it"))).toBe("here");
    await expect(inTime(Promise.reject(new Error("broken")), tooLate("it"))).rejects.toThrow(
      "broken",
    );
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends after 5 s with what takes its place, or with an error that says what did not come", async () => {
    const ended: unknown[] = [];
    inTime(never, () => "instead").then((what) => ended.push(what));
    inTime(never, tooLate("its PNG")).catch((error: unknown) => ended.push(String(error)));
    await vi.advanceTimersByTimeAsync(4999);
    expect(ended).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(ended.sort()).toEqual(["Error: its PNG took over 5 s", "instead"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not count the time in which the page was frozen", async () => {
    const ended: unknown[] = [];
    inTime(never, () => "instead").then((what) => ended.push(what));
    await vi.advanceTimersByTimeAsync(2000);
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(2000);
    expect(ended).toEqual([]);
  });

  it("that may go on is told of once", async () => {
    let told = 0;
    whenLate(never, () => {
      told += 1;
    });
    whenLate(Promise.reject(new Error("broken")), () => {
      told += 10;
    });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
