/** What the handlers share. */
import type { Clock, Random } from "@smfs/core";
import type { ChangeFeed } from "./documents/change-feed.ts";
import type { ContainerMerges } from "./documents/container-merges.ts";
import type { FileUrls } from "./documents/file-urls.ts";
import type { Indexer } from "./documents/indexer.ts";
import type { DocumentLists } from "./documents/list-documents.ts";
import type { DocumentWriter } from "./documents/put-document.ts";
import type { RepeatedCreates } from "./documents/repeated-creates.ts";
import type { Tickets } from "./documents/tickets.ts";
import type { ServerLimits } from "./limits.ts";
import type { MemorySearch } from "./memories/memory-search.ts";
import type { SearchService } from "./search/search-service.ts";
import type { Storage } from "./storage/storage.ts";

/** Clients of older versions look a document up by the custom id that they gave it. */
export type SearchDocumentId = "id" | "customId";

export interface ServerContext {
  readonly storage: Storage;
  readonly documents: DocumentWriter;
  readonly lists: DocumentLists;
  readonly merges: ContainerMerges;
  readonly feed: ChangeFeed;
  readonly files: FileUrls;
  readonly indexer: Indexer;
  readonly search: SearchService;
  readonly memories: MemorySearch;
  readonly tickets: Tickets;
  readonly repeated: RepeatedCreates;
  readonly limits: ServerLimits;
  /** What `/v3/search` gives as `documentId` of a document that has a custom id: that, or its own id. */
  readonly searchDocumentId: SearchDocumentId;
  readonly clock: Clock;
  readonly random: Random;
  /** Stands for the data directory, for its whole life: clients name their caches by it. */
  readonly orgId: string;
}

export const serviceName = "smfs";
export const serverVersion = "0.1.0";
/** What `session.extensions` announces; each is described in docs/http-api.md. */
export const features: readonly string[] = [
  "etag",
  "changes",
  "raw",
  "versions",
  "idempotency",
  "status",
];
