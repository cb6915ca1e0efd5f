// When a view looks at the screen again: in the browser's frames, and only in those that may bring something.

/** No browser draws much oftener, and a timer may be this late. */
const FRAME_MS = 1000 / 60;
/** What comes, or is done by somebody, waits no longer. */
const MOST_MS = 50;

/**
 * Call `show` in a frame, and again once what it returns has passed, or 50 ms: then something may be due.
 *
 * Each frame costs about 2 ms of the page's processor, whatever is done in it.
 */
export function beat(show: (nowMs: number) => number, signal: AbortSignal): void {
  const next = () => {
    requestAnimationFrame(() => {
      if (signal.aborted) {
        return;
      }
      const waitMs = Math.min(show(performance.now()), MOST_MS) - FRAME_MS;
      if (waitMs > FRAME_MS) {
        setTimeout(next, waitMs);
      } else {
        next();
      }
    });
  };
  next();
}
