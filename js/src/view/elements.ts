// Elements from code. What they say is always text, never markup.

export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className: string,
  text = "",
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** A picture of 16 x 16 from one path. */
export function icon(path: string): SVGElement {
  const element = document.createElementNS(SVG, "svg");
  const shape = document.createElementNS(SVG, "path");
  element.setAttribute("viewBox", "0 0 16 16");
  element.setAttribute("aria-hidden", "true");
  shape.setAttribute("d", path);
  element.append(shape);
  return element;
}
