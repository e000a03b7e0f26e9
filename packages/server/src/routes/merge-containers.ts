/** Moves everything of some containers into another one: a unit for each slice, so that others are served meanwhile. */
import type { WriteContext } from "../documents/document-write.ts";
import { toHttpError } from "../http/error-of.ts";
import type { ServerContext } from "../server-context.ts";
import type { StoredMerge } from "../storage/memory.ts";

const documentsPerUnit = 200;

/**
 * Carries a merge out and notes how it ended. A document whose path or custom id is taken in the target stays where it
 * is, and the merge has failed with its name; what has moved has moved.
 */
export async function mergeContainers(
  context: ServerContext,
  merge: StoredMerge,
  write: WriteContext,
): Promise<void> {
  let error: string | null = null;
  try {
    for (const source of merge.sourceTags) await mergeOne(context, source, merge.targetTag, write);
  } catch (thrown) {
    const { status, body } = toHttpError(thrown);
    if (status >= 500) throw thrown;
    error = body.details ?? body.error;
  }
  await context.storage.write((tx) =>
    tx.putMerge({
      ...merge,
      status: error === null ? "done" : "failed",
      error,
      updatedAt: context.clock.now(),
    }),
  );
}

async function mergeOne(
  context: ServerContext,
  source: string,
  target: string,
  write: WriteContext,
): Promise<void> {
  const { storage, documents } = context;
  const order = { by: "createdAt", descending: false } as const;
  const nos = await storage.documentNos({ containerTags: [source] }, order);
  for (let start = 0; start < nos.length; start += documentsPerUnit) {
    await storage.write(async (tx) => {
      for (const document of await tx.documentsByNo(nos.slice(start, start + documentsPerUnit))) {
        const others = document.containerTags.filter((tag) => tag !== source && tag !== target);
        const containerTags = [target, ...others];
        await documents.change(tx, document, { containerTags }, { ...write, conditions: {} });
      }
    });
  }
  await storage.write(async (tx) => {
    await tx.moveMemories(source, target);
    await tx.removeTag(source);
  });
}
