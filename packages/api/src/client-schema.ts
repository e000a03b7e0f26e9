/**
 * What the sync client reads of the server's answers. Fields it does not read are not checked, so that a server
 * may add to its answers; fields it reads are, so that nothing it decides on is of another type than it thinks.
 */
import * as z from "zod/mini";

const text: z.ZodMiniType<string | null, unknown> = z._default(
  z.nullable(z.string()),
  null,
) as never;
const metadata: z.ZodMiniType<Readonly<Record<string, unknown>> | null, unknown> = z._default(
  z.nullable(z.record(z.string(), z.unknown())),
  null,
) as never;

/** A document, as get and list show it. */
export interface RemoteDocument {
  readonly id: string;
  readonly customId: string | null;
  readonly filepath: string | null;
  readonly status: string;
  readonly type: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly updatedAt: string;
  readonly url: string | null;
  readonly content: string | null;
  readonly rev: number | null;
  readonly contentHash: string | null;
  readonly size: number | null;
  /** `dreaming`: what is drawn from it is still to come. */
  readonly dreamingStatus: string | null;
}

const number: z.ZodMiniType<number | null, unknown> = z._default(
  z.nullable(z.number()),
  null,
) as never;

const remoteDocument: z.ZodMiniType<RemoteDocument, unknown> = z.object({
  id: z.string(),
  customId: text,
  filepath: text,
  status: z.string(),
  type: text,
  metadata,
  updatedAt: z.string(),
  url: text,
  content: text,
  rev: number,
  contentHash: text,
  size: number,
  dreamingStatus: text,
}) as never;

/** The answer to a write. `rev`, `contentHash` and `filepath` only from a server that counts revisions. */
export interface WriteAnswer {
  readonly id: string;
  readonly status: string;
  readonly rev: number | null;
  readonly contentHash: string | null;
  readonly filepath: string | null;
}

const writeAnswer: z.ZodMiniType<WriteAnswer, unknown> = z.object({
  id: z.string(),
  status: z.string(),
  rev: number,
  contentHash: text,
  filepath: text,
}) as never;

export interface ListAnswer {
  readonly memories: readonly RemoteDocument[];
  readonly pagination: {
    readonly currentPage: number;
    readonly totalItems: number;
    readonly totalPages: number;
  };
}

const listAnswer: z.ZodMiniType<ListAnswer, unknown> = z.object({
  memories: z.array(remoteDocument),
  pagination: z.object({
    currentPage: z.number(),
    totalItems: z.number(),
    totalPages: z.number(),
  }),
}) as never;

export interface ProcessingAnswer {
  readonly documents: readonly { readonly id: string; readonly status: string }[];
}

const processingAnswer: z.ZodMiniType<ProcessingAnswer, unknown> = z.object({
  documents: z.array(z.object({ id: z.string(), status: z.string() })),
}) as never;

/** One entry of the change feed: the latest state of one document. */
export interface RemoteChange {
  readonly seq: number;
  readonly type: string;
  readonly id: string;
  readonly customId: string | null;
  readonly rev: number;
  readonly filepath: string | null;
  readonly contentHash: string | null;
  readonly size: number | null;
  readonly status: string | null;
  readonly updatedAt: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly origin: string | null;
}

const remoteChange: z.ZodMiniType<RemoteChange, unknown> = z.object({
  seq: z.number(),
  type: z.string(),
  id: z.string(),
  customId: text,
  rev: z.number(),
  filepath: text,
  contentHash: text,
  size: number,
  status: text,
  updatedAt: text,
  metadata,
  origin: text,
}) as never;

export interface ChangesAnswer {
  readonly changes: readonly RemoteChange[];
  readonly cursor: string;
  readonly hasMore: boolean;
  /** Names the server's history: another one after a backup was restored. Empty from a server that names none. */
  readonly epoch: string;
}

const changesAnswer: z.ZodMiniType<ChangesAnswer, unknown> = z.object({
  changes: z.array(remoteChange),
  cursor: z.string(),
  hasMore: z.boolean(),
  epoch: z._default(z.string(), ""),
}) as never;

export interface SessionAnswer {
  readonly user: { readonly id: string | null; readonly name: string | null } | null;
  readonly org: { readonly id: string; readonly name: string | null } | null;
  readonly extensions: { readonly features: readonly string[] } | null;
}

const nullable = <T>(schema: z.ZodMiniType<T, unknown>): z.ZodMiniType<T | null, unknown> =>
  z._default(z.nullable(schema), null) as never;

const sessionAnswer: z.ZodMiniType<SessionAnswer, unknown> = z.object({
  user: nullable(z.object({ id: text, name: text }) as never),
  org: nullable(z.object({ id: z.string(), name: text }) as never),
  extensions: nullable(z.object({ features: z.array(z.string()) }) as never),
}) as never;

/** A passage found by a search. */
export interface FoundPassage {
  readonly id: string;
  readonly similarity: number;
  readonly filepath: string | null;
  readonly chunk: string | null;
  readonly memory: string | null;
  /** Lines of the document, from 1, where the server says them. */
  readonly lines: { readonly start: number; readonly end: number } | null;
}

export interface SearchAnswer {
  readonly results: readonly FoundPassage[];
  readonly total: number;
}

const searchAnswer: z.ZodMiniType<SearchAnswer, unknown> = z.object({
  results: z.array(
    z.object({
      id: z.string(),
      similarity: z.number(),
      filepath: text,
      chunk: text,
      memory: text,
      lines: nullable(z.object({ start: z.number(), end: z.number() }) as never),
    }),
  ),
  total: z.number(),
}) as never;

/** What is known of the container as a whole; each item is one sentence. */
export interface ProfileAnswer {
  readonly profile: {
    readonly static: readonly string[] | null;
    readonly dynamic: readonly string[] | null;
    readonly buckets: Readonly<Record<string, readonly string[]>> | null;
  };
}

const profileAnswer: z.ZodMiniType<ProfileAnswer, unknown> = z.object({
  profile: z.object({
    static: nullable(z.array(z.string()) as never),
    dynamic: nullable(z.array(z.string()) as never),
    buckets: nullable(z.record(z.string(), z.array(z.string())) as never),
  }),
}) as never;

export interface VersionsAnswer {
  readonly versions: readonly {
    readonly rev: number;
    readonly size: number;
    readonly createdAt: string;
    readonly contentHash: string;
    readonly op: string;
  }[];
}

const versionsAnswer: z.ZodMiniType<VersionsAnswer, unknown> = z.object({
  versions: z.array(
    z.object({
      rev: z.number(),
      size: z.number(),
      createdAt: z.string(),
      contentHash: z.string(),
      op: z.string(),
    }),
  ),
}) as never;

export const answers: {
  readonly document: typeof remoteDocument;
  readonly write: typeof writeAnswer;
  readonly list: typeof listAnswer;
  readonly processing: typeof processingAnswer;
  readonly changes: typeof changesAnswer;
  readonly session: typeof sessionAnswer;
  readonly search: typeof searchAnswer;
  readonly profile: typeof profileAnswer;
  readonly versions: typeof versionsAnswer;
} = {
  document: remoteDocument,
  write: writeAnswer,
  list: listAnswer,
  processing: processingAnswer,
  changes: changesAnswer,
  session: sessionAnswer,
  search: searchAnswer,
  profile: profileAnswer,
  versions: versionsAnswer,
};
