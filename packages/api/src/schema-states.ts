/** Schemas of the status of many documents. */
import * as z from "zod/mini";
import type { Schema } from "./schema-common.ts";
import { type DocumentStatus, DocumentStatusSchema } from "./schema-documents.ts";

/** `POST /ext/v1/documents/status` */
export interface StatesRequest {
  /** Ids or custom ids. */
  readonly ids: readonly string[];
  /** Also what has been drawn from each document. */
  readonly detail?: boolean | undefined;
}
export const StatesRequestSchema: Schema<StatesRequest> = z.object({
  ids: z
    .array(z.string().check(z.minLength(1), z.maxLength(255)))
    .check(z.minLength(1), z.maxLength(1000)),
  detail: z.optional(z.boolean()),
});

export interface DocumentState {
  readonly id: string;
  readonly customId: string | null;
  readonly rev: number;
  readonly status: DocumentStatus;
  readonly dreamingStatus: "dreaming" | "done";
  readonly updatedAt: string;
  /** Why it failed. */
  readonly errorMessage?: string | undefined;
  readonly index?:
    | {
        readonly chunks: number;
        /** Chunks that have a vector, by the model's name. */
        readonly vectors: Readonly<Record<string, number>>;
        /** A language model has still to find its facts. */
        readonly owesFacts: boolean;
        /** The text in the image has still to be read. */
        readonly owesText: boolean;
      }
    | undefined;
}
const DocumentStateSchema: Schema<DocumentState> = z.object({
  id: z.string(),
  customId: z.nullable(z.string()),
  rev: z.int(),
  status: DocumentStatusSchema,
  dreamingStatus: z.enum(["dreaming", "done"]),
  updatedAt: z.string(),
  errorMessage: z.optional(z.string()),
  index: z.optional(
    z.object({
      chunks: z.int(),
      vectors: z.record(z.string(), z.int()),
      owesFacts: z.boolean(),
      owesText: z.boolean(),
    }),
  ),
});

export interface StatesResponse {
  /** In the order in which they were asked for. */
  readonly documents: readonly DocumentState[];
  /** Of the ids asked for, those of no document that the key sees. */
  readonly missing: readonly string[];
}
export const StatesResponseSchema: Schema<StatesResponse> = z.object({
  documents: z.array(DocumentStateSchema),
  missing: z.array(z.string()),
});
