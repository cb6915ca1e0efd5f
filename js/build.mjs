// Builds the page's part of the package: widget.js, widget.css, and plotly.js as an asset beside them.
import { copyFile, mkdir, stat } from "node:fs/promises";
import { build, context } from "esbuild";

const watched = process.argv.includes("--watch");
const out = new URL("../longlive_widget/static/", import.meta.url);
const plotly = new URL("node_modules/plotly.js-basic-dist-min/plotly-basic.min.js", import.meta.url);
const options = {
  entryPoints: ["src/widget.ts"],
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: !watched,
  sourcemap: watched ? "inline" : false,
  outdir: "../longlive_widget/static",
};
// anywidget gives the page two seconds to load this file
const mostBytes = 150_000;

await mkdir(out, { recursive: true });
await copyFile(plotly, new URL("plotly.js", out));
if (watched) {
  await (await context(options)).watch();
} else {
  await build(options);
  const { size } = await stat(new URL("widget.js", out));
  if (size > mostBytes) {
    throw new Error(`widget.js has ${size} bytes, more than the ${mostBytes} that load in time`);
  }
}
