/** Keeps a document's memories in step with its text. */
import type { Random } from "@smfs/core";
import { newId } from "../documents/document-id.ts";
import type { StoredMemory } from "../storage/memory.ts";
import type { Transaction } from "../storage/storage.ts";
import type { StoredDocument } from "../storage/stored.ts";
import type { Fact, FactContext } from "./fact-source.ts";
import { findFacts } from "./find-facts.ts";

/** Why a memory was forgotten that its document no longer says; such a one comes back when it is said again. */
const unsaid = "no longer in its document";
/** Why the memories of a deleted document are forgotten; they come back with it. */
const sourceDeleted = "its document was deleted";

/** What is done about the facts of a text, within the unit that indexes it. */
export type DrawMemories = (
  tx: Transaction,
  document: StoredDocument,
  text: string,
) => Promise<void>;

/** At once: the document's own sentences. */
export function drawAtOnce(random: Random): DrawMemories {
  return async (tx, document, text) => {
    const isMemory = document.taskType === "memory";
    const facts = isMemory ? findFacts(text, await contextOf(tx, document)) : [];
    await putFacts(tx, random, document, facts);
  };
}

/** Later: a language model is asked, and until then what was known stays. */
export function drawLater(random: Random): DrawMemories {
  return async (tx, document) => {
    if (document.taskType === "memory") await tx.oweFacts(document.no, document.contentRev);
    else await putFacts(tx, random, document, []);
  };
}

/** What is said about the container that a document's memories go to. */
export async function contextOf(
  tx: Pick<Transaction, "tag">,
  document: StoredDocument,
): Promise<FactContext> {
  const tag = await tx.tag(document.containerTags[0] ?? "");
  return { entityContext: tag?.entityContext ?? null, buckets: tag?.profileBuckets ?? [] };
}

/**
 * Adds what the document says and did not say before; forgets what it no longer says. What somebody forgot, or changed
 * by hand, stays as they left it.
 */
export async function putFacts(
  tx: Transaction,
  random: Random,
  document: StoredDocument,
  facts: readonly Fact[],
): Promise<void> {
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
  for (const fact of facts) if (!known.has(fact.text)) await addFact(tx, random, document, fact);
}

async function addFact(
  tx: Transaction,
  random: Random,
  document: StoredDocument,
  fact: Fact,
): Promise<void> {
  const id = newId(random);
  await tx.putMemory({
    id,
    containerTag: document.containerTags[0] ?? "",
    documentNo: document.no,
    memory: fact.text,
    bucket: fact.bucket,
    version: 1,
    parentId: null,
    rootId: id,
    isStatic: fact.isStatic,
    isInference: false,
    isForgotten: false,
    forgetAfter: null,
    forgetReason: null,
    metadata: null,
    temporalContext: null,
  });
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
