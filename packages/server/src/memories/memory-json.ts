/** Memories as the API shows them. */
import type { CreatedMemories, MemoryJson, PatchedMemory, TemporalContextJson } from "@smfs/api";
import type { StoredMemory } from "../storage/memory.ts";
import { toIsoTime } from "../time.ts";

function timeOrNull(ms: number | null): string | null {
  return ms === null ? null : toIsoTime(ms);
}

export interface MemoryView {
  readonly orgId: string;
  /** The ids of the documents it comes from, those that still exist. */
  readonly documentIds: readonly string[];
  /** Its versions before this one, oldest first. */
  readonly history: readonly StoredMemory[];
}

export function toMemoryJson(memory: StoredMemory, view: MemoryView): MemoryJson {
  return {
    ...toVersionBasics(memory),
    spaceId: memory.containerTag,
    orgId: view.orgId,
    sourceCount: view.documentIds.length,
    forgetAfter: timeOrNull(memory.forgetAfter),
    forgetReason: memory.forgetReason,
    metadata: memory.metadata,
    memoryRelations: {},
    temporalContext: memory.temporalContext satisfies TemporalContextJson | null,
    history: view.history.map(toVersionBasics),
    documentIds: view.documentIds,
  };
}

function toVersionBasics(memory: StoredMemory) {
  return {
    id: memory.id,
    memory: memory.memory,
    version: memory.version,
    isLatest: memory.isLatest,
    isForgotten: memory.isForgotten,
    isStatic: memory.isStatic,
    isInference: memory.isInference,
    createdAt: toIsoTime(memory.createdAt),
    updatedAt: toIsoTime(memory.updatedAt),
    parentMemoryId: memory.parentId,
    rootMemoryId: memory.rootId,
  };
}

/** A memory within a document's JSON. */
export function toInnerMemory(memory: StoredMemory): Record<string, unknown> {
  return { ...toVersionBasics(memory), sourceCount: 1, metadata: memory.metadata };
}

export function toCreatedMemory(memory: StoredMemory): CreatedMemories["memories"][number] {
  return {
    id: memory.id,
    memory: memory.memory,
    isStatic: memory.isStatic,
    createdAt: toIsoTime(memory.createdAt),
    forgetAfter: timeOrNull(memory.forgetAfter),
    forgetReason: memory.forgetReason,
    metadata: memory.metadata,
  };
}

export function toPatchedMemory(memory: StoredMemory): PatchedMemory {
  return {
    id: memory.id,
    memory: memory.memory,
    version: memory.version,
    parentMemoryId: memory.parentId,
    rootMemoryId: memory.rootId,
    createdAt: toIsoTime(memory.createdAt),
    forgetAfter: timeOrNull(memory.forgetAfter),
    forgetReason: memory.forgetReason,
    metadata: memory.metadata,
  };
}
