/** Whether an image may be decoded: by its header alone. Pure. */
import { imageSize } from "image-size";
import { pixelsMax, sideMin } from "./limits.ts";

const types: readonly (string | undefined)[] = ["png", "jpg", "webp"];

/** How an image that may be decoded lies, as EXIF has it (1 to 8); undefined: it is not of a kind and size that is read. */
export function readableOrientation(bytes: Uint8Array): number | undefined {
  try {
    const { width, height, type, orientation = 1 } = imageSize(bytes);
    const isLegible = Math.min(width, height) >= sideMin && width * height <= pixelsMax;
    if (!types.includes(type) || !isLegible) return undefined;
    return orientation >= 1 && orientation <= 8 ? orientation : 1;
  } catch {
    // The library throws on whatever it does not know, with no type of its own.
    return undefined;
  }
}
