import type { Store, Transitions } from "@smfs/store";

/** What a mutant may change: the parts of one running process. */
export interface ProductParts {
  readonly store: Store;
  readonly transitions: Transitions;
  /** The server's stamp of a document, as a client that compared clocks would see it. */
  readonly updatedAtMs: (docId: string) => number;
}

export interface ProductOptions {
  /** Breaks something on purpose. */
  readonly mutate?: (parts: ProductParts) => void;
}
