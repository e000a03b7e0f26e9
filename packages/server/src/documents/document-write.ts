/** A write, as the rules see it: what it says, who says it, what came of it. */
import type { MetadataPatch } from "@smfs/api";
import type { Conditions } from "../http/conditions.ts";
import type { StoredDocument, TaskType, Writer } from "../storage/stored.ts";
import type { Access } from "./access.ts";
import type { Received } from "./receive-content.ts";

/** What a write says. A field that is left out stays, or is what a new document has. */
export interface DocumentWrite {
  readonly received?: Received | undefined;
  readonly containerTags?: readonly string[] | undefined;
  readonly customId?: string | undefined;
  readonly filepath?: string | undefined;
  readonly metadata?: MetadataPatch | null | undefined;
  readonly taskType?: TaskType | undefined;
  readonly entityContext?: string | undefined;
  /** Name of an uploaded file. */
  readonly fileName?: string | undefined;
  /** Media type that the sender says. */
  readonly mediaType?: string | undefined;
  /** The path counts beside new bytes too: the writer speaks of both. */
  readonly movesToo?: boolean | undefined;
}

/** Who writes, and under which conditions. */
export interface WriteContext {
  readonly access: Access;
  readonly writer: Writer;
  readonly conditions: Conditions;
}

export interface WriteResult {
  readonly document: StoredDocument;
  readonly created: boolean;
  /** False: everything was so already, and nothing was written. */
  readonly changed: boolean;
}
