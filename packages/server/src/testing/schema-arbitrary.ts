/** Values that a JSON schema describes, and now and then one that it does not. For tests. */
import fc from "fast-check";

type Json = { readonly [key: string]: unknown };

/**
 * A generated value as a query or a form field carries it. Anything that is no string goes as its JSON: `String` would
 * call a `toString` that the value itself may bring along.
 */
export function fieldText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

/** Objects whose keys mean something to a language in which they are handled carelessly. */
const hostile = fc.constantFrom(
  '{"toString":1,"valueOf":null}',
  '{"__proto__":{"x":1},"constructor":{"prototype":{}}}',
  '{"hasOwnProperty":null,"length":4294967296}',
  '{"then":"now","toJSON":{}}',
);
const anything = fc.oneof(
  { arbitrary: fc.jsonValue({ maxDepth: 2 }), weight: 5 },
  { arbitrary: hostile.map((text): unknown => JSON.parse(text)), weight: 1 },
);

/** @param wild one in this many values, at any place, is anything at all; 0: never */
export function arbitraryOf(schema: Json, wild: number): fc.Arbitrary<unknown> {
  const own = plain(schema, wild);
  return wild === 0
    ? own
    : fc.oneof({ arbitrary: own, weight: wild }, { arbitrary: anything, weight: 1 });
}

function plain(schema: Json, wild: number): fc.Arbitrary<unknown> {
  const { anyOf, enum: values } = schema;
  if (Array.isArray(anyOf)) return fc.oneof(...anyOf.map((one) => arbitraryOf(one as Json, wild)));
  if ("const" in schema) return fc.constant(schema.const);
  if (Array.isArray(values)) return fc.constantFrom(...values);
  switch (schema.type) {
    case "string":
      return text(schema);
    case "integer":
    case "number":
      return number(schema);
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array":
      return fc.array(arbitraryOf((schema.items as Json | undefined) ?? {}, wild), {
        minLength: Number(schema.minItems ?? 0),
        maxLength: Math.min(Number(schema.maxItems ?? 4), Number(schema.minItems ?? 0) + 4),
      });
    case "object":
      return object(schema, wild);
    default:
      return anything;
  }
}

const paths = fc.constantFrom("/a", "/a/b", "/notes/plan.md", "/notes/", "/d/", "/x/y/z", "/");
const words = fc.constantFrom("work", "other", "n_1", "n_2", "plan", "a fact", '"r1"', "2");

function text(schema: Json): fc.Arbitrary<string> {
  const { minLength = 0, maxLength = 60, pattern } = schema;
  const bounds = { minLength: Number(minLength), maxLength: Math.min(Number(maxLength), 60) };
  const free = fc.oneof(fc.string(bounds), fc.string({ ...bounds, unit: "binary" }));
  if (typeof pattern !== "string") {
    return fc.oneof({ arbitrary: words, weight: 3 }, { arbitrary: free, weight: 1 });
  }
  const fitting = pattern.startsWith("^\\/")
    ? paths
    : /\\[pP]\{/.test(pattern)
      ? words
      : fc.oneof(
          words.map((word) => (new RegExp(pattern).test(word) ? word : "work")),
          fc.stringMatching(new RegExp(pattern)),
        );
  return fc.oneof({ arbitrary: fitting, weight: 30 }, { arbitrary: free, weight: 1 });
}

function number(schema: Json): fc.Arbitrary<number> {
  const min = Number(schema.minimum ?? -5);
  const max = Number(schema.maximum ?? 2000);
  return schema.type === "integer"
    ? fc.integer({ min: Math.max(min, -5), max: Math.min(max, 2000) })
    : fc.double({ min: Math.max(min, -5), max: Math.min(max, 2000), noNaN: true });
}

function object(schema: Json, wild: number): fc.Arbitrary<unknown> {
  const properties = (schema.properties ?? {}) as Record<string, Json>;
  const required = (schema.required ?? []) as string[];
  const known = fc.record(
    Object.fromEntries(
      Object.entries(properties).map(([key, value]) => [key, arbitraryOf(value, wild)]),
    ),
    { requiredKeys: required },
  );
  const more = schema.additionalProperties;
  if (typeof more !== "object" || more === null) return known;
  const free = fc.dictionary(
    fc.string({ minLength: 1, maxLength: 8 }),
    arbitraryOf(more as Json, wild),
    { maxKeys: 4 },
  );
  return fc.tuple(free, known).map(([a, b]) => ({ ...a, ...b }));
}
