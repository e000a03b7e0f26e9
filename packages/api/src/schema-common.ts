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
export type MetadataJson = Readonly<Record<string, MetadataValue>>;

const metadataKey = z.string().check(z.minLength(1), z.maxLength(255));
const metadataValue = z.union([TextSchema, z.number(), z.boolean(), z.array(TextSchema)]);

export const MetadataSchema: Schema<MetadataJson> = z.record(metadataKey, metadataValue);

/** Metadata to be merged key by key; null takes a key away. */
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

/**
 * A filter on metadata, as it is sent: `{"AND": […]}` or `{"OR": […]}` of conditions and further groups, or the same
 * as a JSON string. The server reads the grammar itself (search/filter.ts), to say where a filter is wrong.
 */
export type Filters = Readonly<Record<string, unknown>> | string;
export const FiltersSchema: Schema<Filters> = z.union([
  z.record(z.string(), z.unknown()),
  z.string().check(z.maxLength(1_000_000)),
]);

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
