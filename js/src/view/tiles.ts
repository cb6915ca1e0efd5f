// Videos that are made in step, on one screen: two that are held against each other, or a grid.

import type { Tiles } from "../protocol.ts";
import { gridView } from "./grid.ts";
import { pairView } from "./pair.ts";
import type { Size } from "./screen.ts";
import type { TileEvents, TileView } from "./tile-parts.ts";

/** `whole` is the size of a picture that shows all of `tiles`. */
export function tileView(
  tiles: Tiles,
  whole: Size,
  events: TileEvents,
  signal: AbortSignal,
): TileView {
  const view = tiles.gain === null ? gridView : pairView;
  return view(tiles, whole, events, signal);
}
