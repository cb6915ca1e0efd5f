// JPEGs into pictures that can be drawn.

/** The pictures in their order; close each one when it has been drawn for the last time. */
export function decodeJpegs(jpegs: readonly Uint8Array<ArrayBuffer>[]): Promise<ImageBitmap[]> {
  return Promise.all(
    jpegs.map((jpeg) => createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }))),
  );
}
