// The notebook's colours for Plotly, which does not read style sheets.

export type Colours = {
  ground: string;
  ink: string;
  faint: string;
  rule: string;
  accent: string;
  warning: string;
  font: string;
};

/** The colours that hold where `element` stands, as plain values. */
export function colours(element: HTMLElement): Colours {
  const style = getComputedStyle(element);
  const resolved = (name: string) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    probe.hidden = true;
    element.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  };
  return {
    ground: resolved("--ll-panel"),
    ink: resolved("--ll-ink"),
    faint: resolved("--ll-faint"),
    rule: resolved("--ll-rule"),
    accent: resolved("--ll-accent"),
    warning: resolved("--ll-warning"),
    font: style.fontFamily,
  };
}
