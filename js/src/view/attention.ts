// Whether anybody can see an element: it is not scrolled away, and its tab is not hidden.

/** Sent to an element once it floats, or no longer does; its data say which. */
export const FLOATING = "longlive:floating";

/** Tell each change, and the beginning. What floats above the page counts as seen while its tab is. */
export function attention(
  element: HTMLElement,
  tell: (looking: boolean) => void,
  signal: AbortSignal,
): void {
  let inSight = true;
  let told: boolean | undefined;
  const mind = () => {
    const floats = element.dataset["floating"] === "true";
    const looking = document.visibilityState === "visible" && (inSight || floats);
    if (looking !== told && !signal.aborted) {
      told = looking;
      tell(looking);
    }
  };
  const observer = new IntersectionObserver((entries) => {
    inSight = entries.at(-1)?.isIntersecting ?? inSight;
    mind();
  });
  observer.observe(element);
  document.addEventListener("visibilitychange", mind, { signal });
  element.addEventListener(FLOATING, mind, { signal });
  signal.addEventListener("abort", () => observer.disconnect());
}
