import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { allowsWrite, parseConditions, parseETags, readOutcome } from "./conditions.ts";
import { parseRange } from "./ranges.ts";

const opaque = fc.stringMatching(/^[\x21\x23-\x7e]{0,20}$/);

describe("entity tags", () => {
  test("[SERVER-122] any list of entity tags is read as it was written", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ weak: fc.boolean(), opaque }), { minLength: 1, maxLength: 20 }),
        fc.constantFrom(",", ", ", " , ", ",,"),
        (tags, comma) => {
          const header = tags.map((tag) => `${tag.weak ? "W/" : ""}"${tag.opaque}"`).join(comma);
          expect(parseETags(header)).toEqual(tags);
        },
      ),
    );
  });

  test("whatever else is in the header is no list, and never throws another error", () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        try {
          parseETags(header);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
    for (const bad of ["", "r1", '"a" "b"', 'w/"a"', '"a', ","]) {
      expect(() => parseETags(bad)).toThrow(RangeError);
    }
  });
});

const conditions = (headers: Record<string, string>) => parseConditions((name) => headers[name]);
const state = { etags: ["r2", "sha256-x"], modifiedAt: Date.parse("2026-01-01T00:00:00.900Z") };

test.each([
  [{ "if-match": '"r2"' }, true, false],
  [{ "if-match": '"sha256-x"' }, true, false],
  [{ "if-match": 'W/"r2"' }, false, false],
  [{ "if-match": '"r1"' }, false, false],
  [{ "if-match": "*" }, true, false],
  [{ "if-none-match": "*" }, false, true],
  [{ "if-none-match": '"r1"' }, true, true],
  [{ "if-none-match": 'W/"r2"' }, false, true],
  [{ "if-unmodified-since": "Thu, 01 Jan 2026 00:00:00 GMT" }, true, true],
  [{ "if-unmodified-since": "Wed, 31 Dec 2025 23:59:59 GMT" }, false, true],
  [{ "if-unmodified-since": "yesterday" }, true, true],
  [{ "if-match": '"r2"', "if-unmodified-since": "Wed, 31 Dec 2025 23:59:59 GMT" }, true, false],
  [{}, true, true],
])("[SERVER-123] a write goes on if its conditions hold: %j", (headers, ifThere, ifNot) => {
  expect(allowsWrite(conditions(headers), state)).toBe(ifThere);
  expect(allowsWrite(conditions(headers), undefined)).toBe(ifNot);
});

test.each([
  [{ "if-none-match": '"r2"' }, "not-modified"],
  [{ "if-none-match": '"r1"' }, "full"],
  [{ "if-modified-since": "Thu, 01 Jan 2026 00:00:00 GMT" }, "not-modified"],
  [{ "if-modified-since": "Wed, 31 Dec 2025 23:59:59 GMT" }, "full"],
  [{ "if-none-match": '"r1"', "if-modified-since": "Thu, 01 Jan 2026 00:00:00 GMT" }, "full"],
  [{ "if-match": '"r1"' }, "failed"],
])("[SERVER-124] what a read answers under its conditions: %j", (headers, outcome) => {
  expect(readOutcome(conditions(headers as unknown as Record<string, string>), state)).toBe(
    outcome,
  );
});

test("[SERVER-125] a range lies within the bytes, or is told to be none", () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(1000), (header, size) => {
      const range = parseRange(`bytes=${header}`, size);
      if (typeof range !== "object") return;
      expect(range.start).toBeGreaterThanOrEqual(0);
      expect(range.end).toBeLessThanOrEqual(size);
      expect(range.start).toBeLessThan(range.end);
    }),
  );
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(1000), fc.integer({ min: 1, max: 1000 }), (a, b, size) => {
      const [first, last] = a < b ? [a, b] : [b, a];
      const expected =
        first >= size ? "unsatisfiable" : { start: first, end: Math.min(last + 1, size) };
      expect(parseRange(`bytes=${first}-${last}`, size)).toEqual(expected);
    }),
  );
});
