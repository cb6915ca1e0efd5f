// The videos that have left each other, as a tree: which one is shown, and the way to the others.

import type { Command, Node, State, TreeMessage } from "../protocol.ts";
import { enable, make } from "./elements.ts";
import { type Ask, type PromptField, promptField } from "./prompt-field.ts";

const MIB = 2 ** 20;

export type BranchPanel = {
  element: HTMLDetailsElement;
  field: PromptField;
  follow: (state: State) => void;
  update: (tree: TreeMessage) => void;
  /** The block of the picture that is shown; `live` unless somebody looks back. */
  shown: (block: number, live: boolean) => void;
  /** Type what to branch with, at the picture that is shown. */
  begin: () => void;
};

/** `view` is told of what goes wrong. */
export function branchPanel(
  send: (command: Command) => void,
  view: string,
  ask: Ask,
  signal: AbortSignal,
): BranchPanel {
  const element = make("details", "ll-branches");
  const summary = make("summary", "ll-branches-summary");
  const title = make("span", "ll-branches-title", "Branches");
  const told = make("span", "ll-branches-told");
  const form = make("form", "ll-branch-bar");
  const field = promptField("Prompt to branch with", ask, signal, "ll-branch-input");
  const button = make("button", "ll-button", "Branch");
  const copy = make("button", "ll-button", "Copy as Python");
  const list = make("div", "ll-tree");
  const room = make("div", "ll-branch-room");
  let tree: TreeMessage | undefined;
  let state: State | undefined;
  let block = 0;
  let live = true;
  let focused = 0;

  field.input.placeholder = "a prompt, or none for the same video again";
  button.type = "submit";
  copy.type = "button";
  copy.title = "the cell that makes this video from its beginning";
  copy.addEventListener("click", () => send({ type: "code", view, tile: null }), { signal });
  list.setAttribute("role", "tree");
  list.setAttribute("aria-label", "Videos that have left each other");
  list.addEventListener("keydown", press, { signal });
  form.append(field.element, button, copy);
  form.addEventListener("submit", leave, { signal });
  const body = make("div", "ll-branches-body");
  summary.append(title, told);
  body.append(form, list, room);
  element.append(summary, body);
  element.dataset["lmSuppressShortcuts"] = "true";
  write();
  return {
    element,
    field,
    follow(next) {
      state = next;
      write();
    },
    update(next) {
      tree = next;
      draw();
      write();
    },
    shown(next, isLive) {
      if (next !== block || isLive !== live) {
        block = next;
        live = isLive;
        write();
      }
    },
    begin() {
      element.open = true;
      field.input.focus();
    },
  };

  function leave(event: Event): void {
    event.preventDefault();
    if (state === undefined || !able()) {
      return;
    }
    const prompt = field.input.value.trim();
    send({
      type: "branch",
      view,
      run: state.run,
      block: from(),
      prompt: prompt === "" ? null : prompt,
    });
    field.fill("");
  }

  /** The block that is shown; after a failure, unless somebody looks back, the one that failed. */
  function from(): number {
    return live && state?.status === "failed" ? state.made : block;
  }

  function able(): boolean {
    return tree !== undefined && tree.present !== null && !tree.branching;
  }

  function write(): void {
    enable(button, able());
    button.textContent = `Branch from block ${from()}`;
    button.title = "another video from the beginning of this block on; this one stays as it is (b)";
    told.textContent = tree === undefined ? "" : summaryText(tree);
    room.textContent = tree === undefined ? "" : roomText(tree);
  }

  function draw(): void {
    const hadFocus = list.contains(document.activeElement);
    const rows = (tree?.nodes ?? []).map(row);
    focused = Math.min(focused, Math.max(0, rows.length - 1));
    list.replaceChildren(...rows);
    mark();
    if (hadFocus) {
      items()[focused]?.focus();
    }
  }

  function row(node: Node): HTMLElement {
    const item = make("div", "ll-branch");
    const deep = depthOf(node, tree?.nodes ?? []);
    item.setAttribute("role", "treeitem");
    item.setAttribute("aria-level", String(deep + 1));
    item.setAttribute("aria-selected", String(node.number === tree?.present));
    item.dataset["branch"] = String(node.number);
    item.style.setProperty("--ll-deep", String(deep));
    if (node.thumbnail !== undefined) {
      item.append(pictureOf(node.thumbnail));
    }
    item.append(
      make("span", "ll-branch-place", placeText(node, tree)),
      make("span", "ll-branch-prompt", node.prompt),
    );
    if (mayGo(node, tree)) {
      item.append(letGo(node));
    }
    item.title = "go to this video (Enter); it goes on where it was left";
    item.addEventListener("click", () => walk(node), { signal });
    return item;
  }

  function letGo(node: Node): HTMLElement {
    const button = make("button", "ll-branch-release", "×");
    button.type = "button";
    button.tabIndex = -1;
    button.title = "let go of this video and of all that have left it (Delete)";
    button.setAttribute("aria-label", button.title);
    button.addEventListener(
      "click",
      (event) => {
        event.stopPropagation();
        release(node);
      },
      { signal },
    );
    return button;
  }

  function release(node: Node): void {
    if (able() && mayGo(node, tree)) {
      send({ type: "release", view, branch: node.number });
    }
  }

  function walk(node: Node): void {
    focused = tree?.nodes.findIndex(({ number }) => number === node.number) ?? 0;
    mark();
    if (able() && node.number !== tree?.present) {
      send({ type: "walk", view, branch: node.number });
    }
  }

  function items(): HTMLElement[] {
    return [...list.querySelectorAll<HTMLElement>(".ll-branch")];
  }

  /** One of them is on the way of the Tab key. */
  function mark(): void {
    items().forEach((item, at) => {
      item.tabIndex = at === focused ? 0 : -1;
    });
  }

  function press(event: KeyboardEvent): void {
    const act = actOf(event.key);
    if (act !== undefined) {
      event.preventDefault();
      act();
    }
  }

  function actOf(key: string): (() => void) | undefined {
    switch (key) {
      case "Enter":
      case " ":
        return () => items()[focused]?.click();
      case "Delete":
        return () => tree?.nodes.slice(focused, focused + 1).forEach(release);
      default: {
        const next = nextInTree(key, focused, tree?.nodes ?? []);
        return next === undefined ? undefined : () => focus(next);
      }
    }
  }

  function focus(next: number): void {
    focused = next;
    mark();
    items()[focused]?.focus();
  }
}

function placeText(node: Node, tree: TreeMessage | undefined): string {
  const place = node.parent === null ? "from the beginning" : `from block ${node.block}`;
  return `${place} ${node.number === tree?.present ? "on" : `to ${node.made}`}`;
}

function pictureOf(jpeg: Uint8Array<ArrayBuffer>): HTMLImageElement {
  const picture = make("img", "ll-branch-picture");
  picture.alt = "";
  const address = URL.createObjectURL(new Blob([jpeg], { type: "image/jpeg" }));
  picture.addEventListener("load", () => URL.revokeObjectURL(address));
  picture.src = address;
  return picture;
}

/** How many videos lie between a video and the first one. */
export function depthOf(node: Node, nodes: readonly Node[]): number {
  const parent = nodes.find(({ number }) => number === node.parent);
  return parent === undefined ? 0 : depthOf(parent, nodes) + 1;
}

/** Whether a video may be let go of: neither the one that is shown, nor one that it has left. */
export function mayGo(node: Node, tree: TreeMessage | undefined): boolean {
  const nodes = tree?.nodes ?? [];
  let at = nodes.find(({ number }) => number === tree?.present);
  while (at !== undefined && at.number !== node.number) {
    const { parent } = at;
    at = nodes.find(({ number }) => number === parent);
  }
  return at === undefined && node.parent !== null;
}

/** The place that a key leads to: up and down the list, left to the parent, right to a child. */
export function nextInTree(key: string, at: number, nodes: readonly Node[]): number | undefined {
  const here = nodes[at];
  switch (key) {
    case "ArrowDown":
      return Math.min(at + 1, nodes.length - 1);
    case "ArrowUp":
      return Math.max(at - 1, 0);
    case "Home":
      return 0;
    case "End":
      return nodes.length - 1;
    case "ArrowLeft":
      return found(nodes.findIndex(({ number }) => number === here?.parent));
    case "ArrowRight":
      return found(nodes.findIndex(({ parent }) => parent === here?.number));
    default:
      return undefined;
  }
}

function found(at: number): number | undefined {
  return at === -1 ? undefined : at;
}

/** How many there are, or what they are good for. */
export function summaryText({ nodes, branching }: TreeMessage): string {
  if (branching) {
    return "a branch is being made";
  }
  return nodes.length > 1
    ? `${nodes.length} videos`
    : "go on from any past block under another prompt";
}

/** What is kept to go on from, and what is kept no longer. */
export function roomText({
  nodes,
  states,
  state_bytes,
  limit_bytes,
  dropped,
  left_bytes,
}: TreeMessage): string {
  if (nodes.length === 0) {
    return "";
  }
  const mib = (bytes: number) => (bytes / MIB).toFixed(0);
  const kept = states === 1 ? "1 state is kept" : `${states} states are kept`;
  const gone = dropped === 0 ? "" : `; ${dropped} went for want of room, so it takes longer there`;
  const left =
    left_bytes === 0 ? "" : `; windows of videos that are not shown: ${mib(left_bytes)} MiB`;
  return `${kept} to go on from, in ${mib(state_bytes)} of ${mib(limit_bytes)} MiB${gone}${left}`;
}
