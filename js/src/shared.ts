// Our code once a page: anywidget loads it anew for each widget, and browsers forget no module.

declare global {
  // What the first widget of each build has left for those that come after it.
  var longliveCode: Map<string, unknown> | undefined;
}

/** This very file as it was built, or undefined while somebody works on it. */
declare const BUILD: string | undefined;

/** `own`, or what has come of the same file before: what is never run is never compiled. */
export function shared<Code>(own: Code): Code {
  return typeof BUILD === "string" ? firstOf(BUILD, own) : own;
}

export function firstOf<Code>(build: string, own: Code): Code {
  globalThis.longliveCode ??= new Map();
  const code = globalThis.longliveCode;
  if (!code.has(build)) {
    code.set(build, own);
  }
  return code.get(build) as Code;
}
