import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { systemClock } from "@smfs/core";
import { expect, test } from "vitest";
import { readableOrientation } from "./readable.ts";
import { Recogniser } from "./recogniser.ts";
import { tesseract } from "./tesseract.ts";

const note = readFileSync(new URL("../assets/note.png", import.meta.url));
const require = createRequire(import.meta.url);
const english = "@tesseract.js-data/eng/4.0.0_best_int/eng.traineddata.gz";
const open = () =>
  Recogniser.open([{ code: "eng", compressed: readFileSync(require.resolve(english)) }]);

/** A PNG's first bytes, which say how large it is. */
function header(width: number, height: number): Buffer {
  const bytes = Buffer.from(note.subarray(0, 64));
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes;
}

test("[IMAGE-1] the text in an image is read, without a network", async () => {
  const recogniser = await open();
  expect(recogniser.read(note, 1)).toBe("The boiler is serviced\nevery October.\n");
});

test("[IMAGE-2] an image that is damaged, or is none, has no text; the next one is read", async () => {
  const recogniser = await open();
  // Whole to its header, and nothing but noise after it.
  const broken = Buffer.concat([header(420, 130), Buffer.alloc(3000, 7)]);
  expect(readableOrientation(broken)).toBe(1);
  for (const bytes of [broken, note.subarray(0, 400), Buffer.from("no image"), Buffer.alloc(0)]) {
    expect(recogniser.read(bytes, 1)).toBe("");
  }
  expect(recogniser.read(note, 1)).toContain("October");
});

test("[IMAGE-3] by its header alone an image is refused that is too large to decode, or of another kind", () => {
  expect(readableOrientation(note)).toBe(1);
  expect(readableOrientation(header(6000, 6000))).toBe(1);
  for (const bytes of [
    header(60_000, 60_000),
    header(0xffffffff, 0xffffffff),
    header(4000, 4),
    Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"/>'),
    Buffer.from("GIF89a"),
    Buffer.alloc(0),
  ]) {
    expect(readableOrientation(bytes)).toBeUndefined();
  }
});

test("[IMAGE-4] a language whose data is not installed is told at the start, not at the first image", () => {
  expect(tesseract({ clock: systemClock })?.label).toBe("tesseract (eng)");
  expect(tesseract({ clock: systemClock, languages: ["eng", "tlh"] })).toBeUndefined();
  expect(tesseract({ clock: systemClock, languages: [] })).toBeUndefined();
});
