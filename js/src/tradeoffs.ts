// A page that explores trade-offs: what the kernel tells is shown, and what is clicked is asked. Its
// style is in widget.css, which the kernel gives both pages.

import type { AnyModel, RenderProps } from "@anywidget/types";
import { loadPlotly, sharedPlotly } from "./charts/plotly.ts";
import { expected } from "./connection.ts";
import { parseExplored, type Wish } from "./explorer/state.ts";
import { explorer } from "./explorer/view.ts";
import { parse } from "./protocol.ts";
import { shared } from "./shared.ts";
import { make } from "./view/elements.ts";

function render({ model, el, signal }: RenderProps): void {
  const root = make("div", "longlive ll-explorer");
  const source = expected<Uint8Array<ArrayBuffer>>(signal);
  const send = (wish: Wish) => model.send(wish);
  const plotly = sharedPlotly(async () => {
    const coming = source.wait();
    send({ type: "asset", name: "plotly" });
    return loadPlotly(await coming);
  });
  const view = explorer(stateOf(model), plotly, send, signal);
  const follow = () => guarded(() => view.update(stateOf(model)));
  const take = (content: unknown, buffers: unknown) => guarded(() => bring(content, buffers));
  root.append(view.element);
  el.replaceChildren(root);
  model.on("change:page_state", follow);
  model.on("msg:custom", take);
  signal.addEventListener("abort", () => {
    model.off("change:page_state", follow);
    model.off("msg:custom", take);
    el.replaceChildren();
  });
  follow();

  function bring(content: unknown, buffers: unknown): void {
    const message = parse(content, Array.isArray(buffers) ? buffers : []);
    if (message.type === "asset") {
      source.came(message.bytes);
    }
  }

  function guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      view.say(error instanceof Error ? error.message : String(error));
    }
  }
}

function stateOf(model: AnyModel) {
  return parseExplored(model.get("page_state"));
}

export default shared({ render });
