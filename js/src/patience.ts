// How long the page waits for anything. Knows nothing of what it waits for.

/** Nothing is waited for any longer without a word. */
export const MOST_S = 5;
const SECOND_MS = 1000;

/**
 * Call `act` each second with how many have gone; what is returned ends that.
 *
 * They are counted one by one, for a page that was frozen can have heard of nothing meanwhile.
 */
export function eachSecond(act: (gone: number) => void): () => void {
  let gone = 0;
  const ticking = setInterval(() => {
    gone += 1;
    act(gone);
  }, SECOND_MS);
  return () => clearInterval(ticking);
}

/** What comes within 5 s; if nothing does, what `late` returns or throws. */
export async function inTime<T>(coming: Promise<T>, late: () => T): Promise<T> {
  let end = () => {};
  const over = new Promise<void>((resolved) => {
    end = eachSecond((gone) => gone === MOST_S && resolved());
  });
  try {
    return await Promise.race([coming, over.then(late)]);
  } finally {
    end();
  }
}

/** For `inTime`, where nothing else will do. */
export function tooLate(what: string): () => never {
  return () => {
    throw new Error(`${what} took over ${MOST_S} s`);
  };
}

/** Call `act` once if nothing comes within 5 s; it may still come after that. */
export function whenLate(coming: Promise<unknown>, act: () => void): void {
  const end = eachSecond((gone) => {
    if (gone === MOST_S) {
      end();
      act();
    }
  });
  coming.then(end, end);
}
