/** Memories as the storage holds them, and the verbs on them. */
import type { Metadata } from "./stored.ts";

/** One version of a memory. */
export interface StoredMemory {
  /** Grows with every version written, never reused. */
  readonly no: number;
  /** 22 base58 characters; every version has its own. */
  readonly id: string;
  readonly containerTag: string;
  /** The document it was drawn from; null when somebody said it. */
  readonly documentNo: number | null;
  readonly memory: string;
  /** The profile bucket it belongs to. */
  readonly bucket: string | null;
  readonly version: number;
  readonly parentId: string | null;
  readonly rootId: string;
  readonly isLatest: boolean;
  /** Holds for long: belongs to the static part of a profile. */
  readonly isStatic: boolean;
  readonly isInference: boolean;
  readonly isForgotten: boolean;
  /** Milliseconds after which it no longer counts. */
  readonly forgetAfter: number | null;
  readonly forgetReason: string | null;
  readonly metadata: Metadata | null;
  readonly temporalContext: TemporalContext | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface TemporalContext {
  readonly documentDate?: string | undefined;
  readonly eventDate?: readonly string[] | undefined;
}

/** What making a memory says; the storage adds number and times. */
export type NewMemory = Omit<StoredMemory, "no" | "createdAt" | "updatedAt" | "isLatest">;

export interface MemoryScope {
  /** Undefined: every container. */
  readonly containerTags?: readonly string[];
  /** Forgotten ones too; default: no. */
  readonly withForgotten?: boolean;
}

export interface MemoryReads {
  memoryById(id: string): Promise<StoredMemory | undefined>;
  /** Latest versions with a number above `afterNo`, oldest first. */
  memoriesAfter(scope: MemoryScope, afterNo: number, limit: number): Promise<StoredMemory[]>;
  /** Latest versions with exactly this text that are not forgotten, oldest first. */
  memoriesByText(containerTag: string, memory: string): Promise<StoredMemory[]>;
  /** All versions of one memory, oldest first. */
  memoryVersions(rootId: string): Promise<StoredMemory[]>;
  /** Latest versions drawn from a document, forgotten ones too. */
  memoriesOfDocument(documentNo: number): Promise<StoredMemory[]>;
  /** Documents whose facts are owed, with a number above `afterNo`, oldest first. */
  factsOwedAfter(afterNo: number, limit: number): Promise<FactDebt[]>;
  /** How many latest versions that are not forgotten each container has. */
  memoryCounts(): Promise<ReadonlyMap<string, number>>;
}

export interface MemoryWrites {
  /** A new memory, or the next version of one: then its parent is no longer the latest. */
  putMemory(memory: NewMemory): Promise<StoredMemory>;
  setForgotten(id: string, isForgotten: boolean, reason: string | null): Promise<void>;
  /** The facts of a document's present bytes are still to be found by a language model. */
  oweFacts(documentNo: number, contentRev: number): Promise<void>;
  payFacts(debt: FactDebt): Promise<void>;
  /** All memories of a container, in all versions, go to another one. */
  moveMemories(fromTag: string, toTag: string): Promise<void>;
}

/** A document whose facts, at these bytes, are still to be found. */
export interface FactDebt {
  readonly documentNo: number;
  readonly contentRev: number;
}

/** A move of containers into another one. */
export interface StoredMerge {
  readonly id: string;
  readonly sourceTags: readonly string[];
  readonly targetTag: string;
  readonly status: "queued" | "done" | "failed";
  readonly error: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}
