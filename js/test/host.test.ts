// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { fallbacks, hostName } from "../src/view/host.ts";

const all = { secure: true, webCodecs: true, fullScreen: true, pictureInPicture: true };

/** A page at an address, with this in it. */
function pageAt(address: string, content = ""): Document {
  const page = new DOMParser().parseFromString(`<body>${content}</body>`, "text/html");
  Object.defineProperty(page, "location", { value: new URL(address) });
  return page;
}

describe("what a page has to do without", () => {
  it("is nothing where it has all", () => {
    expect(fallbacks(all)).toEqual([]);
  });

  it("is told with what stands in, and why", () => {
    expect(fallbacks({ ...all, secure: false })).toEqual([
      "pictures come as JPEGs: WebCodecs need https or localhost",
    ]);
    expect(fallbacks({ ...all, webCodecs: false })).toEqual([
      "pictures come as JPEGs: this browser has no WebCodecs",
    ]);
    expect(fallbacks({ ...all, fullScreen: false, pictureInPicture: false })).toHaveLength(2);
  });
});

describe("the host of a page", () => {
  const settings = (text: string) =>
    `<script id="jupyter-config-data" type="application/json">${text}</script>`;

  it.each([
    ["VS Code", pageAt("vscode-webview://1a2b/index.html")],
    ["Colab", pageAt("https://x-colab.googleusercontent.com/outputframe.html")],
    ["marimo", pageAt("http://localhost:2718/", "<marimo-filename></marimo-filename>")],
    [
      "JupyterLab 4.6.6",
      pageAt(
        "http://localhost:8888/lab",
        settings('{"appName": "JupyterLab", "appVersion": "4.6.6"}'),
      ),
    ],
    ["a host without a name", pageAt("http://localhost:8888/lab", settings('{"appName": 3}'))],
    ["a host without a name", pageAt("https://example.org/")],
  ])("is known by what it leaves: %s", (name, page) => {
    expect(hostName(page)).toBe(name);
  });
});
