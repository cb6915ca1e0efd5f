// Single pictures as they were made: one that stands is drawn again without loss, or saved as a file.

import { inTime, tooLate } from "../patience.ts";
import type { StillMessage } from "../protocol.ts";
import { download } from "./elements.ts";
import type { Screen } from "./screen.ts";

export type StillEvents = {
  /** Ask the kernel for a picture of the video that is shown. */
  ask: (picture: number) => void;
  /** The number of the picture on the screen. */
  shown: () => number | undefined;
  /** Whether it still is this one, of the video that was asked. */
  shows: (picture: number) => boolean;
  /** The picture on the screen has been drawn without loss. */
  refined: (picture: number) => void;
  fail: (message: string) => void;
};

export type Stills = {
  /** Save the picture on the screen under a name that begins like this. */
  save: (name: string) => void;
  take: (message: StillMessage) => void;
};

export function stills(screen: Screen, { ask, shown, shows, refined, fail }: StillEvents): Stills {
  let saving: { picture: number; name: string } | undefined;
  return {
    save(name) {
      const picture = shown();
      if (picture !== undefined) {
        saving = { picture, name };
        ask(picture);
      }
    },
    take({ picture, bytes }) {
      const png = bytes === undefined ? undefined : new Blob([bytes], { type: "image/png" });
      const done = picture === saving?.picture ? write(saving, png) : refine(picture, png);
      done.catch((error) => fail(`picture ${picture}: ${error}`));
    },
  };

  async function write(wanted: { picture: number; name: string }, png: Blob | undefined) {
    saving = undefined;
    const content = png ?? (await screen.seen());
    if (png === undefined) {
      fail(`picture ${wanted.picture} is kept no longer as it was made: saved as it is shown`);
    }
    if (content !== null) {
      download(`${wanted.name}-${wanted.picture}.png`, content);
    }
  }

  async function refine(picture: number, png: Blob | undefined): Promise<void> {
    if (png === undefined) {
      return;
    }
    const exact = await inTime(createImageBitmap(png), tooLate("its PNG"));
    if (shows(picture)) {
      screen.refine(exact);
      refined(picture);
    }
    exact.close();
  }
}
