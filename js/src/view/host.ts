// Where this page runs, as far as that shows, and what it has to do without.

import { make } from "./elements.ts";

export type Abilities = {
  secure: boolean;
  webCodecs: boolean;
  fullScreen: boolean;
  pictureInPicture: boolean;
};

/** What this page can do; a host may take away what its browser has. */
export function abilities(): Abilities {
  return {
    secure: isSecureContext,
    webCodecs: "VideoDecoder" in globalThis,
    fullScreen: document.fullscreenEnabled === true,
    pictureInPicture: document.pictureInPictureEnabled === true,
  };
}

/** What stands in for what is missing, a sentence each. */
export function fallbacks({
  secure,
  webCodecs,
  fullScreen,
  pictureInPicture,
}: Abilities): string[] {
  const why = secure ? "this browser has no WebCodecs" : "WebCodecs need https or localhost";
  return [
    ...(secure && webCodecs ? [] : [`pictures come as JPEGs: ${why}`]),
    ...(fullScreen ? [] : ["no full screen: the host does not let this page fill it"]),
    ...(pictureInPicture ? [] : ["no picture in picture: neither browser nor host has it here"]),
  ];
}

/** The host's name; JupyterLab and Notebook 7 write theirs into their pages, others give signs. */
export function hostName(page: Document): string {
  const { protocol, hostname } = page.location;
  if (protocol === "vscode-webview:") {
    return "VS Code";
  }
  if (hostname.endsWith(".googleusercontent.com")) {
    return "Colab";
  }
  if (page.querySelector("marimo-filename, marimo-island") !== null) {
    return "marimo";
  }
  return jupyterName(page.querySelector("#jupyter-config-data")?.textContent ?? "{}");
}

function jupyterName(settings: string): string {
  const { appName, appVersion } = objectIn(settings);
  return typeof appName === "string"
    ? [appName, appVersion].filter((part) => typeof part === "string").join(" ")
    : "a host without a name";
}

function objectIn(json: string): Record<string, unknown> {
  try {
    return { ...JSON.parse(json) };
  } catch {
    return {}; // the page's own settings are another one's: no reason to show nothing
  }
}

/** All of it, to be read. */
export function hostNote(): HTMLElement {
  const found = fallbacks(abilities());
  const without = found.length === 0 ? "nothing is missing" : found.join("; ");
  return make("p", "ll-host", `This page runs in ${hostName(document)}: ${without}.`);
}
