// What the presets panel shows, as the kernel tells it: the other side of widget/panel.py.

import {
  boolean,
  type Fields,
  list,
  number,
  object,
  oneOf,
  ProtocolError,
  text,
} from "./fields.ts";

export const ways = ["now", "live", "next video", "reload", "refused"] as const;
/** What a click does: nothing, as it is so or cannot be; or when, and what it takes. */
export type Way = (typeof ways)[number];
const kinds = ["switch", "choice", "number", "steps"] as const;
export type Kind = (typeof kinds)[number];
export type Value = string | number | boolean | null | readonly number[];

/** What blocks took on this machine. */
export type Measured = {
  block_ms: number;
  pictures_per_s: number;
  blocks: number;
  on_record: boolean;
};

export type PresetOffer = {
  name: string;
  summary: string;
  changes: Readonly<Record<string, Value>>;
  way: Way;
  why: string;
  /** null where nothing was measured on this machine. */
  measured: Measured | null;
  recommended: boolean;
};

export type ValueOffer = { value: Value; way: Way; why: string };

export type SettingOffer = {
  name: string;
  kind: Kind;
  value: Value;
  reference: Value;
  picture: string;
  offers: readonly ValueOffer[];
  way: Way;
};

/**
 * A preset on its way into memory; `usual_s` is what that took on this machine before, if it did.
 * One that is `cancelled` ends with its stage.
 */
export type Loading = {
  preset: string;
  stage: string;
  elapsed_s: number;
  usual_s: number | null;
  cancelled: boolean;
};

export type Panel = {
  preset: string;
  seed_locked: boolean;
  own_size: readonly number[];
  presets: readonly PresetOffer[];
  settings: readonly SettingOffer[];
  advice: string;
  loading: Loading | null;
};

export function parsePanel(value: unknown): Panel {
  const fields = object(value, "a panel");
  const loading = fields["loading"];
  return {
    preset: text(fields, "preset"),
    seed_locked: boolean(fields, "seed_locked"),
    own_size: list(fields, "own_size").map(asNumber),
    presets: list(fields, "presets").map(parsePreset),
    settings: list(fields, "settings").map(parseSetting),
    advice: text(fields, "advice"),
    loading: loading === null ? null : parseLoading(object(loading, "what is loading")),
  };
}

function parsePreset(value: unknown): PresetOffer {
  const fields = object(value, "a preset");
  const changes = object(fields["changes"], "changes");
  const measured = fields["measured"];
  return {
    name: text(fields, "name"),
    summary: text(fields, "summary"),
    changes: Object.fromEntries(Object.entries(changes).map(([key, to]) => [key, asValue(to)])),
    way: oneOf(fields, "way", ways),
    why: text(fields, "why"),
    measured: measured === null ? null : parseMeasured(object(measured, "what was measured")),
    recommended: boolean(fields, "recommended"),
  };
}

function parseMeasured(fields: Fields): Measured {
  return {
    block_ms: number(fields, "block_ms"),
    pictures_per_s: number(fields, "pictures_per_s"),
    blocks: number(fields, "blocks"),
    on_record: boolean(fields, "on_record"),
  };
}

function parseSetting(value: unknown): SettingOffer {
  const fields = object(value, "a setting");
  return {
    name: text(fields, "name"),
    kind: oneOf(fields, "kind", kinds),
    value: asValue(fields["value"]),
    reference: asValue(fields["reference"]),
    picture: text(fields, "picture"),
    offers: list(fields, "offers").map(parseOffer),
    way: oneOf(fields, "way", ways),
  };
}

function parseOffer(value: unknown): ValueOffer {
  const fields = object(value, "an offer");
  return {
    value: asValue(fields["value"]),
    way: oneOf(fields, "way", ways),
    why: text(fields, "why"),
  };
}

function parseLoading(fields: Fields): Loading {
  return {
    preset: text(fields, "preset"),
    stage: text(fields, "stage"),
    elapsed_s: number(fields, "elapsed_s"),
    usual_s: fields["usual_s"] === null ? null : number(fields, "usual_s"),
    cancelled: boolean(fields, "cancelled"),
  };
}

function asValue(value: unknown): Value {
  if (Array.isArray(value)) {
    return value.map(asNumber);
  }
  if (value === null || typeof value === "string" || typeof value === "boolean") {
    return value;
  }
  return asNumber(value);
}

function asNumber(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new ProtocolError(`this is no value: ${JSON.stringify(value)}`);
  }
  return value;
}
