/** Bounds of reading images, with unit and reason. */

/** Pixels of an image that is read: decoded it takes four bytes for each of them. */
export const pixelsMax = 40_000_000;
/** Pixels of the shorter side below which there is no legible text. */
export const sideMin = 12;
/** Milliseconds for one image, with the start of the reader, before it is given up. */
export const imageMs = 120_000;
/** Confidence (0 to 100) below which what was read is noise of the picture, not text. */
export const confidenceMin = 40;
