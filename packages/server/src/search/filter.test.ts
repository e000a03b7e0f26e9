import fc from "fast-check";
import { expect, test } from "vitest";
import type { Metadata } from "../storage/stored.ts";
import { FilterError, matchesFilter, parseFilter } from "./filter.ts";

const metadata: Metadata = {
  year: 2024,
  kind: "Report",
  draft: true,
  tags: ["red", "Blue"],
  path: "/memories/a.md",
  amount: "12.5",
};

function passes(condition: Record<string, unknown>, on: Metadata | null = metadata): boolean {
  return matchesFilter(parseFilter({ AND: [condition] }), on);
}

test("[FILTER-1] metadata equality compares string forms, and any item of a list", () => {
  expect(passes({ key: "year", value: "2024" })).toBe(true);
  expect(passes({ key: "draft", value: "true" })).toBe(true);
  expect(passes({ key: "tags", value: "red" })).toBe(true);
  expect(passes({ key: "kind", value: "report" })).toBe(false);
  expect(passes({ key: "kind", value: "report", ignoreCase: "true" })).toBe(true);
});

test("[FILTER-2] numeric conditions compare numbers, also those written as strings", () => {
  const numeric = (key: string, numericOperator: string, value: string) =>
    passes({ key, value, filterType: "numeric", numericOperator });
  expect(numeric("year", ">", "2023")).toBe(true);
  expect(numeric("year", "<=", "2023")).toBe(false);
  expect(numeric("amount", "=", "12.50")).toBe(true);
  expect(numeric("amount", "<", "100")).toBe(true);
  expect(numeric("kind", ">", "0")).toBe(false);
  expect(numeric("draft", "=", "1")).toBe(false);
});

test("[FILTER-3] array_contains looks into lists only, string_contains into strings", () => {
  expect(
    passes({ key: "tags", value: "blue", filterType: "array_contains", ignoreCase: true }),
  ).toBe(true);
  expect(passes({ key: "kind", value: "Report", filterType: "array_contains" })).toBe(false);
  expect(passes({ key: "path", value: "/memories/", filterType: "string_contains" })).toBe(true);
  expect(passes({ key: "path", value: "/other/", filterType: "string_contains" })).toBe(false);
});

test("[FILTER-4] a missing key never matches, and matches under negate", () => {
  for (const on of [metadata, null, {}]) {
    expect(passes({ key: "none", value: "x" }, on)).toBe(false);
    expect(passes({ key: "none", value: "x", negate: true }, on)).toBe(true);
    expect(passes({ key: "constructor", value: "x", negate: "true" }, on)).toBe(true);
  }
});

test("[FILTER-4] negation is the complement for every condition", () => {
  const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.string()));
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom("a", "b"), value),
      fc.constantFrom("metadata", "array_contains", "string_contains", "numeric"),
      fc.integer().map(String),
      fc.constantFrom(">", "<", ">=", "<=", "="),
      (on, filterType, wanted, numericOperator) => {
        const condition = { key: "a", value: wanted, filterType, numericOperator };
        expect(passes({ ...condition, negate: true }, on)).toBe(!passes(condition, on));
      },
    ),
  );
});

test("[FILTER-5] AND and OR nest, and a JSON string means the same", () => {
  const filter = {
    OR: [
      {
        AND: [
          { key: "kind", value: "Report" },
          { key: "year", value: "1999" },
        ],
      },
      { key: "draft", value: "true" },
    ],
  };
  expect(matchesFilter(parseFilter(filter), metadata)).toBe(true);
  expect(matchesFilter(parseFilter(JSON.stringify(filter)), metadata)).toBe(true);
  expect(matchesFilter(parseFilter({ AND: [] }), null)).toBe(true);
  expect(matchesFilter(parseFilter({ OR: [] }), metadata)).toBe(false);
});

test("[FILTER-6] what does not follow the grammar is refused with the place and the reason", () => {
  const condition = { key: "a", value: "b" };
  const nested = (levels: number): unknown =>
    levels === 0 ? condition : { AND: [nested(levels - 1)] };
  const wrong: [unknown, RegExp][] = [
    [condition, /must be/],
    ["{", /JSON/],
    [[], /must be/],
    [null, /must be/],
    [{ AND: [condition], OR: [] }, /both/],
    [{ AND: condition }, /list/],
    [{ AND: [3] }, /AND\[0\]/],
    [{ AND: [{ key: "a b", value: "" }] }, /key/],
    [{ AND: [{ key: "k".repeat(65), value: "" }] }, /key/],
    [{ AND: [{ key: "a", value: 3 }] }, /value/],
    [{ AND: [{ ...condition, filterType: "regex" }] }, /filterType/],
    [{ AND: [{ ...condition, numericOperator: "!=" }] }, /numericOperator/],
    [{ AND: [{ ...condition, filterType: "numeric" }] }, /number/],
    [{ AND: [{ ...condition, negate: "yes" }] }, /negate/],
    [{ AND: Array(201).fill(condition) }, /200/],
    [nested(9), /8/],
  ];
  for (const [input, reason] of wrong) {
    expect(() => parseFilter(input), JSON.stringify(input)?.slice(0, 80)).toThrow(reason);
  }
  expect(() => parseFilter(nested(8))).not.toThrow();
  expect(() => parseFilter({ AND: Array(200).fill(condition) })).not.toThrow();
});

test("[FILTER-6] any JSON is either a filter or a FilterError", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (input) => {
      try {
        matchesFilter(parseFilter(input), metadata);
      } catch (error) {
        expect(error).toBeInstanceOf(FilterError);
      }
    }),
  );
});
