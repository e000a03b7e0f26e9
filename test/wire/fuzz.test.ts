import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as abi from "../../packages/fuse/src/abi.ts";
import { setUp } from "../../packages/fuse/src/testing/dispatcher.ts";
import { body, parseReply } from "../../packages/fuse/src/testing/wire.ts";
import { fuzz, subjects } from "./fuzz.ts";

/** Seeds that once found a mistake, and some that did not. Longer runs: `npm run soak -- wire`. */
const kept = JSON.parse(
  readFileSync(new URL("./seeds.json", import.meta.url), "utf8"),
) as readonly number[];

describe.each(Object.entries(subjects))("sent to %s", (_name, start) => {
  test.each(kept)("[FUSE-2] random requests of seed %i: one well-formed reply or none", (seed) => {
    fuzz(start, seed, 60);
  });

  test("[FUSE-2] random requests of a new seed", () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    fuzz(start, seed, 200);
  });
});

test("[FUSE-2] random bytes", () => {
  const { wire, dispatcher, close } = setUp();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      dispatcher.requestBytes.set(bytes);
      const length = dispatcher.dispatch(bytes.byteLength);
      if (length > 0) parseReply(dispatcher.replyBytes.subarray(0, length));
      expect(length === 0 || length >= abi.outHeader.bytes).toBe(true);
    }),
    { numRuns: 3000 },
  );
  expect(wire.call(abi.FUSE_STATFS, body()).errno).toBe(0);
  close();
});
