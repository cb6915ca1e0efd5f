// A page of its own that finds out what this browser can play, as text to paste into a report.

import { samplesIn, type Trial, tried } from "./playback/trial.ts";
import { abilities, fallbacks } from "./view/host.ts";

const WORD_LETTERS = 9;
const ABOUT_LETTERS = 15;

async function begin(report: HTMLElement): Promise<void> {
  const found = report.firstChild?.textContent?.trimEnd() ?? "";
  const samples = samplesIn(JSON.parse(document.getElementById("samples")?.textContent ?? "[]"));
  const trials = (await Promise.all(samples.map(tried))).flat();
  report.textContent = [found, "", ...linesOf(trials)].join("\n");
  report.dataset["done"] = "";
  offerToCopy(report);
}

function linesOf(trials: readonly Trial[]): string[] {
  const able = abilities();
  return [
    line("ok", "browser", navigator.userAgent),
    line(able.secure ? "ok" : "warning", "secure page", `${location.protocol} ${yes(able.secure)}`),
    line(able.webCodecs ? "ok" : "warning", "WebCodecs", yes(able.webCodecs)),
    ...trials.map(({ ok, size, codec, fact }) =>
      line(ok ? "ok" : codec === "jpeg" ? "wrong" : "warning", size, `${codec}: ${fact}`),
    ),
    ...fallbacks(able).map((sentence) => `-> ${sentence}`),
    "-> So it is in this page; a notebook over plain http gets JPEGs, but for localhost.",
  ];
}

function line(verdict: "ok" | "warning" | "wrong", about: string, fact: string): string {
  return `${verdict.padEnd(WORD_LETTERS)}${about.padEnd(ABOUT_LETTERS)}${fact}`;
}

function yes(is: boolean): string {
  return is ? "yes" : "no";
}

function offerToCopy(report: HTMLElement): void {
  const button = document.getElementById("copy");
  button?.removeAttribute("hidden");
  button?.addEventListener("click", async () => {
    const said = document.getElementById("copied");
    let told = "copied";
    try {
      await navigator.clipboard.writeText(report.textContent ?? "");
    } catch {
      getSelection()?.selectAllChildren(report);
      told = "selected: copy it with Ctrl-C";
    }
    said?.replaceChildren(told);
  });
}

const report = document.getElementById("report");
if (report !== null) {
  begin(report).catch((error: unknown) => report.append(`\nthe check failed: ${String(error)}`));
}
