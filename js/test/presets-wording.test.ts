import { describe, expect, it } from "vitest";
import fixtures from "../../tests/fixtures/protocol.json" with { type: "json" };
import { parsePanel, ways } from "../src/panel.ts";
import {
  changesWords,
  loadingWords,
  measuredWords,
  numberIn,
  shownValue,
  stepsIn,
  wayWords,
} from "../src/view/presets/wording.ts";

const panel = parsePanel(fixtures.to_page.panel.panel);

describe("what the presets panel says", () => {
  it("tells beforehand what a choice does, each way in its own words", () => {
    expect(new Set(ways.map(wayWords)).size).toBe(ways.length);
    expect(wayWords("live")).toBe("live at the next block");
    expect(wayWords("next video")).toBe("needs a new video");
    expect(wayWords("reload")).toBe("needs a reload");
  });

  it("lists what a preset changes, from the preset itself", () => {
    expect(panel.presets.map((offer) => changesWords(offer.changes))).toEqual([
      "every setting as LongLive's own",
      "denoise steps 1000, 500, 250 · compiled default · memory pool · prompt cache 8",
    ]);
  });

  it.each([
    [true, "on"],
    [false, "off"],
    [null, "none"],
    [8, "8"],
    ["ring", "ring"],
    [[1000, 500], "1000, 500"],
  ])("shows %j as %s", (value, words) => {
    expect(shownValue(value)).toBe(words);
  });

  it("has figures where something was measured, and says where nothing was", () => {
    expect(panel.presets.map((offer) => measuredWords(offer.measured))).toEqual([
      "311 ms a block · 38.6 pictures/s (12 blocks in this studio)",
      "not measured here",
    ]);
    const measured = { block_ms: 500, pictures_per_s: 24, blocks: 300, on_record: true };
    expect(measuredWords(measured)).toBe("500 ms a block · 24.0 pictures/s (300 blocks on record)");
  });

  it("counts the seconds of a load, and says what is left only where one of its kind was seen", () => {
    const stage = { preset: "turbo", stage: "loading weights", elapsed_s: 0 };
    const loading = { ...stage, usual_s: null, cancelled: false };
    expect(loadingWords(loading, 3.2)).toBe(
      "turbo: loading weights, 3 s; how long it takes here is not known yet",
    );
    const known = { ...loading, usual_s: 12.3 };
    expect(loadingWords(known, 3.2)).toBe("turbo: loading weights, 3 s; about 10 s left");
    expect(loadingWords(known, 13)).toBe(
      "turbo: loading weights, 13 s; longer than the 12 s of last time",
    );
    expect(loadingWords({ ...known, cancelled: true }, 3.2)).toBe(
      "turbo: cancelled, as soon as this stage is over (loading weights)",
    );
  });
});

describe("what is typed into the panel", () => {
  it.each([
    ["1000, 500", [1000, 500]],
    [" 1000 750,250 ", [1000, 750, 250]],
    ["four", "four"],
    ["1000; 500", "1000; 500"],
    ["", ""],
  ])("steps %j are sent as %j, for the kernel to judge", (text, value) => {
    expect(stepsIn(text)).toEqual(value);
  });

  it.each([
    ["12", 12],
    [" 9 ", 9],
    ["-1", -1],
    ["", null],
    ["1.5", "1.5"],
  ])("the number %j is sent as %j", (text, value) => {
    expect(numberIn(text)).toBe(value);
  });
});
