// Builds the page's part of the package: widget.js, tradeoffs.js, widget.css for both, page.js, browser.js, plotly.js.
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { build, context } from "esbuild";

const watched = process.argv.includes("--watch");
const out = new URL("../longlive_widget/static/", import.meta.url);
const plotly = new URL("node_modules/plotly.js-basic-dist-min/plotly-basic.min.js", import.meta.url);
const options = {
  entryPoints: ["src/widget.ts", "src/tradeoffs.ts"],
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: !watched,
  sourcemap: watched ? "inline" : false,
  outdir: "../longlive_widget/static",
};
// what pages that stand alone run
const page = { ...options, entryPoints: ["src/page.ts", "src/browser.ts"], format: "iife" };
// stands for what a built file is known by, until that is known
const unnamed = "@build@";
// anywidget gives the page two seconds to load this file
const mostBytes = 150_000;

await mkdir(out, { recursive: true });
await copyFile(plotly, new URL("plotly.js", out));
if (watched) {
  await Promise.all([options, page].map(async (each) => (await context(each)).watch()));
} else {
  await Promise.all([buildNamed(options), build(page)]);
}

/** Each file knows itself by its hash, so that a page can tell it from another build. */
async function buildNamed(options) {
  const define = { BUILD: JSON.stringify(unnamed) };
  const { outputFiles } = await build({ ...options, define, write: false });
  for (const { path, text, hash } of outputFiles) {
    const named = text.replaceAll(unnamed, hash);
    if (path.endsWith(".js") && Buffer.byteLength(named) > mostBytes) {
      throw new Error(`${path} would have more than the ${mostBytes} bytes that load in time`);
    }
    await writeFile(path, named);
  }
}
