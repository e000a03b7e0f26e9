/** Keeps a document's memories in step with its text, within the unit that writes it. */
import type { Random } from "@smfs/core";
import { newId } from "../documents/document-id.ts";
import type { StoredMemory } from "../storage/memory.ts";
import type { Transaction } from "../storage/storage.ts";
import type { StoredDocument } from "../storage/stored.ts";
import { type Fact, findFacts } from "./find-facts.ts";

/** Why a memory was forgotten that its document no longer says; such a one comes back when it is said again. */
const unsaid = "no longer in its document";
/** Why the memories of a deleted document are forgotten; they come back with it. */
const sourceDeleted = "its document was deleted";

/** Headings under which facts hold for long. */
const staticHeadings = new Set([
  "static",
  "profile",
  "about",
  "about me",
  "identity",
  "preferences",
]);

/**
 * Adds what the text says and did not say before; forgets what it no longer says. What somebody forgot, or changed by
 * hand, stays as they left it.
 */
export async function drawMemories(
  tx: Transaction,
  random: Random,
  document: StoredDocument,
  text: string,
): Promise<void> {
  const facts = document.taskType === "memory" ? findFacts(text) : [];
  const old = await tx.memoriesOfDocument(document.no);
  if (facts.length === 0 && old.length === 0) return;
  const said = new Set(facts.map((fact) => fact.text));
  const known = new Set<string>();
  for (const memory of old) {
    const texts = memory.version === 1 ? [memory.memory] : await textsOf(tx, memory);
    for (const one of texts) known.add(one);
    const isSaid = texts.some((one) => said.has(one));
    if (memory.isForgotten) {
      const comesBack = isSaid && [unsaid, sourceDeleted].includes(memory.forgetReason ?? "");
      if (comesBack) await tx.setForgotten(memory.id, false, null);
    } else if (!isSaid && memory.version === 1) {
      await tx.setForgotten(memory.id, true, unsaid);
    }
  }
  const containerTag = document.containerTags[0] ?? "";
  const buckets = new Set((await tx.tag(containerTag))?.profileBuckets.map((bucket) => bucket.key));
  for (const fact of facts) {
    if (known.has(fact.text)) continue;
    const id = newId(random);
    await tx.putMemory({
      id,
      containerTag,
      documentNo: document.no,
      memory: fact.text,
      bucket: bucketOf(fact, buckets),
      version: 1,
      parentId: null,
      rootId: id,
      isStatic: fact.heading !== null && staticHeadings.has(fact.heading),
      isInference: false,
      isForgotten: false,
      forgetAfter: null,
      forgetReason: null,
      metadata: null,
      temporalContext: null,
    });
  }
}

/** A document is deleted: what only it said is forgotten. */
export async function forgetSource(tx: Transaction, documentNo: number): Promise<void> {
  for (const memory of await tx.memoriesOfDocument(documentNo)) {
    if (!memory.isForgotten) await tx.setForgotten(memory.id, true, sourceDeleted);
  }
}

async function textsOf(tx: Transaction, memory: StoredMemory): Promise<string[]> {
  return (await tx.memoryVersions(memory.rootId)).map((version) => version.memory);
}

function bucketOf(fact: Fact, buckets: ReadonlySet<string>): string | null {
  const key = fact.heading?.replace(/\s+/g, "-") ?? "";
  return buckets.has(key) ? key : null;
}
