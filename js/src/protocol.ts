// The messages between page and kernel, in both directions: the other side of widget/protocol.py.
// All that comes in is unknown until it has been parsed here.

import {
  boolean,
  bytesOf,
  type Fields,
  list,
  number,
  numberList,
  numberOrNull,
  numbers,
  object,
  oneOf,
  ProtocolError,
  text,
  texts,
} from "./fields.ts";
import { type Panel, parsePanel, type Value } from "./panel.ts";

export const statuses = [
  "idle",
  "running",
  "paused",
  "done",
  "stopped",
  "failed",
  "closed",
  "recorded",
] as const;
const topics = ["prompt", "remark", "code", "other"] as const;
export const codecs = ["h264", "jpeg"] as const;
export type Codec = (typeof codecs)[number];
export type Topic = (typeof topics)[number];
export type Status = (typeof statuses)[number];

export type Command =
  | { type: "start" | "pause" | "resume" | "stop" | "reset" | "record" | "cut" | "profile" }
  | { type: "clip"; view: string; seconds: number }
  | { type: "switch"; prompt: string; transition: Transition }
  /** By the kernel's clock, the block will have been seen at `seen_ms`; null where that is not known. */
  | ({ type: "credit"; run: number; block: number; seen_ms: number | null } & PageTimes)
  | { type: "time"; view: string; asked_ms: number }
  | { type: "attach"; view: string; codecs: readonly Codec[] }
  | { type: "leave"; view: string }
  | { type: "look"; view: string; looking: boolean }
  | { type: "still"; view: string; run: number; picture: number }
  | { type: "block"; view: string; run: number; block: number }
  | { type: "asset"; name: "plotly" }
  | { type: "edit"; view: string; revision: number; from_block: number; entries: Plan }
  | { type: "read"; view: string; prompt: string }
  | { type: "export"; view: string; form: Form }
  | { type: "import"; view: string; name: string; text: string }
  | { type: "use"; preset: string }
  | { type: "change"; setting: string; value: Value }
  | { type: "seed"; seed: number | null }
  | { type: "cancel" }
  | { type: "lock"; locked: boolean }
  | { type: "amplify"; gain: number }
  | { type: "code"; view: string; tile: number | null }
  | { type: "branch"; view: string; run: number; block: number; prompt: string | null }
  | { type: "walk"; view: string; branch: number }
  | { type: "release"; view: string; branch: number }
  | { type: "size"; width_px: number; height_px: number };

const forms = ["json", "yaml", "longlive", "scope", "text", "python"] as const;
/** The forms of a timeline as a file. */
export type Form = (typeof forms)[number];

const blends = ["linear", "slerp"] as const;
export type Blend = (typeof blends)[number];

/** How a prompt takes over: over some blocks, none for a cut; on the line or the arc between both. */
export type Transition = { blocks: number; blend: Blend; recache: boolean };

export const cut: Transition = { blocks: 0, blend: "linear", recache: true };

/** A prompt, the latent frame from which it should steer, and how it takes over. */
export type Entry = { latent_frame: number; prompt: string; transition: Transition };

/** The entries of a timeline, in order. */
export type Plan = readonly Entry[];

/** Where a prompt takes effect: latent frame `lands_at`, the first one of block `block`. */
export type Landing = {
  prompt: string;
  asked_at: number;
  lands_at: number;
  block: number;
  replaced_by: string | null;
};

/** What a page has measured of a block's way to it, as far as it is known. */
export type PageTimes = {
  wire_ms: number | null;
  /** The wire is right to within so much: kernel and page have clocks of their own. */
  wire_within_ms: number | null;
  decode_ms: number | null;
};

/** The latent frames that the window held while a block was made, in the order of their places. */
export type Occupancy = {
  window_frames: number;
  frames: number[];
  sink: number[];
  opened: number[];
  evicted_next: number[];
};

/** How like pictures are to those that they are held against. */
export type Likeness = {
  /** They are the same, to the bit: they have no PSNR. */
  equal: boolean;
  psnr_db: number | null;
  ssim: number | null;
};

/** What was measured of one video's block, where several are made in step. */
export type SideRecord = Likeness & { latency_ms: number };

/** What is known of a block as its first pictures come, before the rest of it is decoded. */
export type Begun = { block: number; first_picture: number; prompt: string };

/** What was measured of one block. */
export type BlockRecord = Begun & {
  latent_frame: number;
  pictures: number;
  preset: string;
  landed: Landing | null;
  latency_ms: number;
  parts_ms: Record<string, number>;
  encode_ms: number;
  credits: number;
  displayed: boolean;
  window: Occupancy;
  window_bytes: number;
  host_bytes: number;
  device_bytes: number | null;
  device_reserved_bytes: number | null;
  profiled: boolean;
  page: PageTimes;
  /** What the prompt was taken as after those before it; "" where that is the prompt itself. */
  in_full: string;
  /** Whether it was taken as it stands because it was not understood together with those. */
  alone: boolean;
  sides: SideRecord[];
  /** How many times as large as it is a difference is shown. */
  gain: number | null;
};

/** Where the time of one block went, the longest part first. */
export type BlockProfile = {
  block: number;
  block_ms: number;
  /** What blocks before it took that were not profiled. */
  unprofiled_ms: number | null;
  gaps_ms: number;
  parts: { name: string; ms: number; gap_ms: number; calls: number }[];
};

/** What was measured of one video of a sweep: medians of its blocks, and the most memory of the process. */
export type TileFigures = Likeness & {
  block_ms: number;
  picture_ms: number;
  process_bytes: number;
};

/** How far a sweep is: the videos that are made, and in words what goes on. */
export type SweepState = { figures: TileFigures[]; making: boolean; told: string };

/** Where the videos that are made in step lie in each picture; the last tile may be their difference. */
export type Tiles = {
  columns: number;
  rows: number;
  labels: string[];
  gain: number | null;
  /** Each has a seed of its own. */
  seeded: boolean;
  /** Pictures of some are held against those of others. */
  compared: boolean;
};

/** All that a view must know to draw itself, pictures and measurements apart. */
export type State = {
  /** Counts the states that the kernel has told: of two, the one that counts more is newer. */
  told: number;
  status: Status;
  run: number;
  model: string;
  preset: string;
  weights: string;
  fallbacks: string[];
  width_px: number;
  height_px: number;
  block_frames: number;
  pictures_per_second: number;
  seed: number;
  made: number;
  dropped: number;
  /** The file that is being written. */
  recording: string | null;
  /** What browsers call the H.264 that the kernel makes; null where it makes none. */
  h264: string | null;
  codec: Codec;
  marks: Landing[];
  begun: number;
  revision: number;
  entries: Plan;
  library: string[];
  /** Set where each picture shows several videos. */
  tiles: Tiles | null;
  sweep: SweepState | null;
  /** What it is made with is compiled at its first use. */
  compiles: boolean;
};

export type BlockMessage = {
  type: "block";
  run: number;
  record: BlockRecord;
  codec: Codec;
  begun: number;
  /** By the kernel's clock. */
  sent_ms: number;
  view: string | null;
  /** So many of its pictures came before, in its opening. */
  given: number;
  /** Each other picture as it was coded; none of a block that is not displayed. */
  pictures: Uint8Array<ArrayBuffer>[];
};

/** The first pictures of a block, coded as one with those that follow. */
export type Opening = Begun & {
  type: "opening";
  run: number;
  codec: Codec;
  pictures: Uint8Array<ArrayBuffer>[];
};

export type StateMessage = { type: "state"; state: State };

export type HistoryMessage = { type: "history"; view: string; run: number; records: BlockRecord[] };

/** A picture as it was made, as a PNG; no bytes where the kernel has it no longer. */
export type StillMessage = {
  type: "still";
  view: string;
  run: number;
  picture: number;
  kept: boolean;
  bytes: Uint8Array<ArrayBuffer> | undefined;
};

/** The kernel's clock as a view asked, and what was told before it: by that a view knows what it lost. */
export type TimeMessage = {
  type: "time";
  view: string;
  asked_ms: number;
  kernel_ms: number;
  told: number;
  run: number;
  newest: number;
  owed: number[];
};

/** A block that the view wanted is no longer kept, nor are those before it. */
export type GoneMessage = { type: "gone"; view: string; run: number; block: number };

/** One video of a tree: it left its parent at `block`, under `prompt`. */
export type Node = {
  number: number;
  parent: number | null;
  block: number;
  /** It has been made up to this block. */
  made: number;
  prompt: string;
  /** Its blocks from which one can go on without making any again. */
  frozen: number[];
  pictured: boolean;
  /** A small JPEG, of one that is pictured. */
  thumbnail: Uint8Array<ArrayBuffer> | undefined;
};

/** The videos that have left each other, and what is kept to go on from. */
export type TreeMessage = {
  type: "tree";
  nodes: Node[];
  present: number | null;
  states: number;
  state_bytes: number;
  limit_bytes: number;
  dropped: number;
  /** A branch is on its way. */
  branching: boolean;
  /** What the windows of videos that are not shown take. */
  left_bytes: number;
};

export type PageMessage =
  | BlockMessage
  | Opening
  | StateMessage
  | HistoryMessage
  | { type: "receipt"; landing: Landing }
  | { type: "failure"; message: string; details: string; topic: Topic; view: string | null }
  | { type: "heard"; view: string; number: number }
  | { type: "notice"; message: string }
  | { type: "clip"; view: string; name: string; bytes: Uint8Array<ArrayBuffer> }
  | StillMessage
  | GoneMessage
  | TimeMessage
  | { type: "profile"; run: number; profile: BlockProfile }
  | { type: "asset"; name: string; bytes: Uint8Array<ArrayBuffer> }
  | { type: "edited"; view: string; accepted: boolean }
  | ReadingMessage
  | ExportedMessage
  | { type: "panel"; panel: Panel }
  | TreeMessage;

/** The timeline as the text of a file. */
export type ExportedMessage = {
  type: "exported";
  view: string;
  form: Form;
  name: string;
  text: string;
};

/** How a prompt is read: its words that the model does not know, and the end that it leaves out. */
export type ReadingMessage = {
  type: "reading";
  view: string;
  prompt: string;
  unknown: string[];
  unread: string;
};

/** The message that the kernel has sent, with its buffers in one form whatever the host gave. */
export function parse(content: unknown, buffers: readonly unknown[] = []): PageMessage {
  const fields = object(content, "a message");
  const type = text(fields, "type");
  switch (type) {
    case "block":
      return {
        type,
        run: number(fields, "run"),
        record: parseRecord(fields["record"]),
        codec: oneOf(fields, "codec", codecs),
        begun: number(fields, "begun"),
        sent_ms: number(fields, "sent_ms"),
        view: fields["view"] === null ? null : text(fields, "view"),
        given: number(fields, "given"),
        pictures: buffers.map(bytesOf),
      };
    case "opening":
      return {
        type,
        run: number(fields, "run"),
        block: number(fields, "block"),
        first_picture: number(fields, "first_picture"),
        prompt: text(fields, "prompt"),
        codec: oneOf(fields, "codec", codecs),
        pictures: buffers.map(bytesOf),
      };
    case "state":
      return { type, state: parseState(fields["state"]) };
    case "history":
      return {
        type,
        view: text(fields, "view"),
        run: number(fields, "run"),
        records: list(fields, "records").map(parseRecord),
      };
    case "receipt":
      return { type, landing: parseLanding(fields["landing"]) };
    case "failure":
      return {
        type,
        message: text(fields, "message"),
        details: text(fields, "details"),
        topic: oneOf(fields, "topic", topics),
        view: fields["view"] === null ? null : text(fields, "view"),
      };
    case "heard":
      return { type, view: text(fields, "view"), number: number(fields, "number") };
    case "notice":
      return { type, message: text(fields, "message") };
    case "clip":
      return {
        type,
        view: text(fields, "view"),
        name: text(fields, "name"),
        bytes: bytesOf(buffers[0]),
      };
    case "still":
      return parseStill(fields, buffers);
    case "gone":
      return {
        type,
        view: text(fields, "view"),
        run: number(fields, "run"),
        block: number(fields, "block"),
      };
    case "time":
      return {
        type,
        view: text(fields, "view"),
        asked_ms: number(fields, "asked_ms"),
        kernel_ms: number(fields, "kernel_ms"),
        told: number(fields, "told"),
        run: number(fields, "run"),
        newest: number(fields, "newest"),
        owed: numberList(fields, "owed"),
      };
    case "profile":
      return { type, run: number(fields, "run"), profile: parseProfile(fields["profile"]) };
    case "asset":
      return { type, name: text(fields, "name"), bytes: bytesOf(buffers[0]) };
    case "edited":
      return { type, view: text(fields, "view"), accepted: boolean(fields, "accepted") };
    case "reading":
      return {
        type,
        view: text(fields, "view"),
        prompt: text(fields, "prompt"),
        unknown: texts(fields, "unknown"),
        unread: text(fields, "unread"),
      };
    case "exported":
      return {
        type,
        view: text(fields, "view"),
        form: oneOf(fields, "form", forms),
        name: text(fields, "name"),
        text: text(fields, "text"),
      };
    case "panel":
      return { type, panel: parsePanel(fields["panel"]) };
    case "tree":
      return parseTree(fields, buffers);
    default:
      throw new ProtocolError(`no message is called ${JSON.stringify(type)}`);
  }
}

function parseTree(fields: Fields, buffers: readonly unknown[]): TreeMessage {
  const thumbnails = [...buffers];
  return {
    type: "tree",
    nodes: list(fields, "nodes").map((value) => parseNode(value, thumbnails)),
    present: numberOrNull(fields, "present"),
    states: number(fields, "states"),
    state_bytes: number(fields, "state_bytes"),
    limit_bytes: number(fields, "limit_bytes"),
    dropped: number(fields, "dropped"),
    branching: boolean(fields, "branching"),
    left_bytes: number(fields, "left_bytes"),
  };
}

/** It takes its own from the thumbnails, if it has one. */
function parseNode(value: unknown, thumbnails: unknown[]): Node {
  const fields = object(value, "a video of a tree");
  const pictured = boolean(fields, "pictured");
  return {
    number: number(fields, "number"),
    parent: numberOrNull(fields, "parent"),
    block: number(fields, "block"),
    made: number(fields, "made"),
    prompt: text(fields, "prompt"),
    frozen: numberList(fields, "frozen"),
    pictured,
    thumbnail: pictured ? bytesOf(thumbnails.shift()) : undefined,
  };
}

export function parseState(value: unknown): State {
  const fields = object(value, "the state");
  return {
    told: number(fields, "told"),
    status: oneOf(fields, "status", statuses),
    run: number(fields, "run"),
    model: text(fields, "model"),
    preset: text(fields, "preset"),
    weights: text(fields, "weights"),
    fallbacks: texts(fields, "fallbacks"),
    width_px: number(fields, "width_px"),
    height_px: number(fields, "height_px"),
    block_frames: number(fields, "block_frames"),
    pictures_per_second: number(fields, "pictures_per_second"),
    seed: number(fields, "seed"),
    made: number(fields, "made"),
    dropped: number(fields, "dropped"),
    recording: fields["recording"] === null ? null : text(fields, "recording"),
    h264: fields["h264"] === null ? null : text(fields, "h264"),
    codec: oneOf(fields, "codec", codecs),
    marks: list(fields, "marks").map(parseLanding),
    begun: number(fields, "begun"),
    revision: number(fields, "revision"),
    entries: list(fields, "entries").map(parseEntry),
    library: texts(fields, "library"),
    tiles: fields["tiles"] === null ? null : parseTiles(fields["tiles"]),
    sweep: fields["sweep"] === null ? null : parseSweep(fields["sweep"]),
    compiles: boolean(fields, "compiles"),
  };
}

function parseSweep(value: unknown): SweepState {
  const fields = object(value, "the sweep");
  return {
    figures: list(fields, "figures").map(parseFigures),
    making: boolean(fields, "making"),
    told: text(fields, "told"),
  };
}

function parseFigures(value: unknown): TileFigures {
  const fields = object(value, "the figures of a tile");
  return {
    block_ms: number(fields, "block_ms"),
    picture_ms: number(fields, "picture_ms"),
    process_bytes: number(fields, "process_bytes"),
    ...parseLikeness(fields),
  };
}

function parseLikeness(fields: Fields): Likeness {
  return {
    equal: boolean(fields, "equal"),
    psnr_db: numberOrNull(fields, "psnr_db"),
    ssim: numberOrNull(fields, "ssim"),
  };
}

function parseTiles(value: unknown): Tiles {
  const fields = object(value, "tiles");
  return {
    columns: number(fields, "columns"),
    rows: number(fields, "rows"),
    labels: texts(fields, "labels"),
    gain: numberOrNull(fields, "gain"),
    seeded: boolean(fields, "seeded"),
    compared: boolean(fields, "compared"),
  };
}

function parseEntry(value: unknown): Entry {
  const fields = object(value, "an entry");
  return {
    latent_frame: number(fields, "latent_frame"),
    prompt: text(fields, "prompt"),
    transition: parseTransition(fields["transition"]),
  };
}

function parseTransition(value: unknown): Transition {
  const fields = object(value, "a transition");
  return {
    blocks: number(fields, "blocks"),
    blend: oneOf(fields, "blend", blends),
    recache: boolean(fields, "recache"),
  };
}

function parseStill(fields: Fields, buffers: readonly unknown[]): StillMessage {
  const kept = boolean(fields, "kept");
  return {
    type: "still",
    view: text(fields, "view"),
    run: number(fields, "run"),
    picture: number(fields, "picture"),
    kept,
    bytes: kept ? bytesOf(buffers[0]) : undefined,
  };
}

export function parseRecord(value: unknown): BlockRecord {
  const fields = object(value, "a record");
  return {
    block: number(fields, "block"),
    latent_frame: number(fields, "latent_frame"),
    first_picture: number(fields, "first_picture"),
    pictures: number(fields, "pictures"),
    prompt: text(fields, "prompt"),
    preset: text(fields, "preset"),
    landed: fields["landed"] === null ? null : parseLanding(fields["landed"]),
    latency_ms: number(fields, "latency_ms"),
    parts_ms: numbers(fields, "parts_ms"),
    encode_ms: number(fields, "encode_ms"),
    credits: number(fields, "credits"),
    displayed: boolean(fields, "displayed"),
    window: parseOccupancy(fields["window"]),
    window_bytes: number(fields, "window_bytes"),
    host_bytes: number(fields, "host_bytes"),
    device_bytes: numberOrNull(fields, "device_bytes"),
    device_reserved_bytes: numberOrNull(fields, "device_reserved_bytes"),
    profiled: boolean(fields, "profiled"),
    page: parsePageTimes(fields["page"]),
    in_full: text(fields, "in_full"),
    alone: boolean(fields, "alone"),
    sides: list(fields, "sides").map(parseSide),
    gain: numberOrNull(fields, "gain"),
  };
}

function parseSide(value: unknown): SideRecord {
  const fields = object(value, "a side");
  return {
    latency_ms: number(fields, "latency_ms"),
    ...parseLikeness(fields),
  };
}

function parseOccupancy(value: unknown): Occupancy {
  const fields = object(value, "a window");
  return {
    window_frames: number(fields, "window_frames"),
    frames: numberList(fields, "frames"),
    sink: numberList(fields, "sink"),
    opened: numberList(fields, "opened"),
    evicted_next: numberList(fields, "evicted_next"),
  };
}

function parsePageTimes(value: unknown): PageTimes {
  const fields = object(value, "a page's times");
  return {
    wire_ms: numberOrNull(fields, "wire_ms"),
    wire_within_ms: numberOrNull(fields, "wire_within_ms"),
    decode_ms: numberOrNull(fields, "decode_ms"),
  };
}

function parseProfile(value: unknown): BlockProfile {
  const fields = object(value, "a profile");
  return {
    block: number(fields, "block"),
    block_ms: number(fields, "block_ms"),
    unprofiled_ms: numberOrNull(fields, "unprofiled_ms"),
    gaps_ms: number(fields, "gaps_ms"),
    parts: list(fields, "parts").map((row) => {
      const part = object(row, "a part");
      return {
        name: text(part, "name"),
        ms: number(part, "ms"),
        gap_ms: number(part, "gap_ms"),
        calls: number(part, "calls"),
      };
    }),
  };
}

function parseLanding(value: unknown): Landing {
  const fields = object(value, "a landing");
  return {
    prompt: text(fields, "prompt"),
    asked_at: number(fields, "asked_at"),
    lands_at: number(fields, "lands_at"),
    block: number(fields, "block"),
    replaced_by: fields["replaced_by"] === null ? null : text(fields, "replaced_by"),
  };
}
