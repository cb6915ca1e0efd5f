// A page is laid out by its browser. The one that tests run in lays nothing out, so this stands in:
// an element lies where its style says, in per cent of a strip that is 480 pixels wide.

import { vi } from "vitest";

export const WIDTH_PX = 480;

/** From here on elements have a place; `undo` is for after each test. */
export function layOut(): { undo: () => void } {
  const part = (value: string, otherwise: number) =>
    value.endsWith("%") ? (Number.parseFloat(value) / 100) * WIDTH_PX : otherwise;
  const boxes = vi
    .spyOn(HTMLElement.prototype, "getBoundingClientRect")
    .mockImplementation(function (this: HTMLElement) {
      const { left, width } = this.style;
      return new DOMRect(part(left, 0), 0, part(width, WIDTH_PX), 20);
    });
  const widths = vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(WIDTH_PX);
  const heights = vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(40);
  HTMLElement.prototype.setPointerCapture = () => {};
  return { undo: () => [boxes, widths, heights].map((spy) => spy.mockRestore()) };
}
