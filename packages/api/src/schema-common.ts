/** Schemas of what every part of the contract shares: names, paths, metadata, filters, errors. */
import { pathProblem } from "@smfs/core";
import * as z from "zod/mini";

/** A schema whose parsed value is a `T`; unknown fields are dropped, so that either side may add some. */
export type Schema<T> = z.ZodMiniType<T>;

/** The name of a container. */
export const ContainerTagSchema: Schema<string> = z
  .string()
  .check(z.regex(/^[A-Za-z0-9_:.-]{1,100}$/));

/** A document's id or the caller's own name for it: no control characters. */
export const CustomIdSchema: Schema<string> = z
  .string()
  .check(z.regex(/^\P{Cc}{1,255}$/u), wellFormed());

/** The path of one document. */
export const FilepathSchema: Schema<string> = z.string().check(
  z.regex(/^\/.*[^/]$/),
  z.refine((path) => pathProblem(path) === undefined, {
    error: (issue) => `filepath ${pathProblem(String(issue.input)) ?? "is not valid"}`,
  }),
);

/** One path, or with a `/` at its end everything below it. */
export const PathScopeSchema: Schema<string> = z
  .string()
  .check(z.maxLength(4096), z.regex(/^\/\P{Cc}*$/u), wellFormed());

/** Text whose UTF-8 form comes back as the same text. */
export const TextSchema: Schema<string> = z.string().check(wellFormed());

function wellFormed(): z.core.$ZodCheck<string> {
  return z.refine<string>((text) => !/\p{Surrogate}/u.test(text), {
    error: () => "is not well-formed Unicode",
  });
}

export type MetadataValue = string | number | boolean | readonly string[];
/** A flat object of what a document says about itself. */
export type DocumentMetadata = Readonly<Record<string, MetadataValue>>;

const metadataKey = z.string().check(z.minLength(1), z.maxLength(255));
const metadataValue = z.union([TextSchema, z.number(), z.boolean(), z.array(TextSchema)]);

export const MetadataSchema: Schema<DocumentMetadata> = z.record(metadataKey, metadataValue);

/** DocumentMetadata to be merged key by key; null takes a key away. */
export type MetadataPatch = Readonly<Record<string, MetadataValue | null>>;
export const MetadataPatchSchema: Schema<MetadataPatch> = z.record(
  metadataKey,
  z.nullable(metadataValue),
);

/** A whole number, or its decimal digits: query strings and some clients send these. */
export type Digits = number | string;
export const DigitsSchema: Schema<Digits> = z.union([
  z.int().check(z.minimum(1), z.maximum(1_000_000_000)),
  z.string().check(z.regex(/^[1-9][0-9]{0,8}$/)),
]);

/** One condition on metadata. */
export interface FilterCondition {
  readonly key: string;
  readonly value: string;
  readonly filterType?: "metadata" | "numeric" | "array_contains" | "string_contains" | undefined;
  readonly numericOperator?: ">" | "<" | ">=" | "<=" | "=" | undefined;
  readonly negate?: boolean | "true" | "false" | undefined;
  readonly ignoreCase?: boolean | "true" | "false" | undefined;
}
export type FilterGroup =
  | { readonly AND: readonly FilterNode[] }
  | { readonly OR: readonly FilterNode[] };
export type FilterNode = FilterCondition | FilterGroup;

const flag = z.optional(z.union([z.boolean(), z.literal("true"), z.literal("false")]));
const FilterConditionSchema: Schema<FilterCondition> = z.object({
  key: z.string().check(z.regex(/^[A-Za-z0-9_.-]{1,64}$/)),
  value: z.string(),
  filterType: z.optional(z.enum(["metadata", "numeric", "array_contains", "string_contains"])),
  numericOperator: z.optional(z.enum([">", "<", ">=", "<=", "="])),
  negate: flag,
  ignoreCase: flag,
});

/** Conditions under one filter, and groups within groups: more is refused. */
const filterConditionsMax = 200;
const filterLevelsMax = 8;

const FilterNodeSchema: Schema<FilterNode> = z.lazy(() =>
  z.union([FilterGroupSchema, FilterConditionSchema]),
);
const nodes = z.array(FilterNodeSchema).check(z.minLength(1), z.maxLength(filterConditionsMax));
const FilterGroupSchema: Schema<FilterGroup> = z.union([
  z.object({ AND: nodes }),
  z.object({ OR: nodes }),
]);

/** A filter as it is sent: the object, or the object as a JSON string. `parseFilters` gives the object. */
export type Filters = FilterGroup | string;
export const FiltersSchema: Schema<Filters> = z.union([
  z.record(z.string(), z.unknown()),
  z.string().check(z.maxLength(65_536)),
]) as Schema<Filters>;

/**
 * The filter in a request.
 * @throws TypeError with a sentence for the caller when it is none
 */
export function parseFilters(filters: Filters): FilterGroup {
  const value: unknown = typeof filters === "string" ? parseJson(filters) : filters;
  // Depth first: the schema descends with it.
  if (levelsOf(value, 0) > filterLevelsMax) {
    throw new TypeError(`filters: more than ${filterLevelsMax} levels`);
  }
  const parsed = FilterGroupSchema.safeParse(value);
  if (!parsed.success) {
    throw new TypeError('filters: expected {"AND":[…]} or {"OR":[…]} of conditions');
  }
  if (conditionsIn(parsed.data) > filterConditionsMax) {
    throw new TypeError(`filters: more than ${filterConditionsMax} conditions`);
  }
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new TypeError("filters: not JSON");
    throw error;
  }
}

function levelsOf(value: unknown, above: number): number {
  if (typeof value !== "object" || value === null || above > filterLevelsMax) return above;
  let deepest = above;
  const group = value as { AND?: unknown; OR?: unknown };
  for (const children of [group.AND, group.OR]) {
    if (!Array.isArray(children)) continue;
    for (const child of children) deepest = Math.max(deepest, levelsOf(child, above + 1));
  }
  return deepest;
}

function conditionsIn(node: FilterNode): number {
  if ("AND" in node) return node.AND.reduce((sum, child) => sum + conditionsIn(child), 0);
  if ("OR" in node) return node.OR.reduce((sum, child) => sum + conditionsIn(child), 0);
  return 1;
}

/** What the server says of a document that stands in a write's way. */
export interface CurrentDocumentJson {
  readonly id: string;
  readonly customId: string | null;
  readonly rev: number;
  readonly contentHash: string;
  readonly filepath: string | null;
  readonly updatedAt: string;
}
export const CurrentDocumentSchema: Schema<CurrentDocumentJson> = z.object({
  id: z.string(),
  customId: z.nullable(z.string()),
  rev: z.int(),
  contentHash: z.string(),
  filepath: z.nullable(z.string()),
  updatedAt: z.string(),
});

/** Every answer that is no success. */
export interface ErrorBody {
  readonly error: string;
  readonly details?: string | undefined;
  /** In 409 and 412: the document in the way, or the state the precondition missed. */
  readonly current?: CurrentDocumentJson | undefined;
  /** In 410: the cursor cannot be resumed, list anew. */
  readonly resync?: boolean | undefined;
}
export const ErrorBodySchema: Schema<ErrorBody> = z.object({
  error: z.string(),
  details: z.optional(z.string()),
  current: z.optional(CurrentDocumentSchema),
  resync: z.optional(z.boolean()),
});
