/** Several conditional writes, all or none. */
import type { BatchOperation, BatchResult } from "@smfs/api";
import type { Handlers } from "../app.ts";
import { contentHashOf } from "../documents/content-hash.ts";
import { deleteDocument } from "../documents/delete-documents.ts";
import type { WriteContext } from "../documents/document-write.ts";
import { needDocument } from "../documents/find-document.ts";
import { type Received, receiveText } from "../documents/receive-content.ts";
import { json } from "../http/answer.ts";
import type { Conditions } from "../http/conditions.ts";
import { toHttpError } from "../http/error-of.ts";
import { type HttpError, invalid } from "../http/http-error.ts";
import type { ServerContext } from "../server-context.ts";
import type { Transaction } from "../storage/storage.ts";
import { etags } from "./server-routes.ts";
import { writeContext } from "./write-context.ts";

/** The unit of a batch that is not carried out: which operation failed, and how. */
class BatchFailed extends Error {
  readonly index: number;
  readonly reason: HttpError;

  constructor(index: number, reason: HttpError) {
    super(reason.message);
    this.name = "BatchFailed";
    this.index = index;
    this.reason = reason;
  }
}

export function batchHandlers(context: ServerContext): Pick<Handlers, "batch"> {
  const { storage, limits, indexer } = context;
  return {
    batch: async (request) => {
      const { operations } = request.body;
      const received = await Promise.all(
        operations.map((operation) =>
          operation.op === "put" && operation.content !== undefined
            ? receiveText(storage, operation.content, limits.textBytesMax)
            : undefined,
        ),
      );
      try {
        const answer = await request.write(async (tx) => {
          const results: BatchResult[] = [];
          for (const [index, operation] of operations.entries()) {
            results.push(
              await attempt(context, tx, index, operation, received[index], writeContext(request)),
            );
          }
          return json({ committed: true, results });
        });
        indexer.wake();
        return answer;
      } catch (error) {
        if (!(error instanceof BatchFailed)) throw error;
        const results = operations.map((_, index) =>
          index === error.index
            ? { status: error.reason.status, body: error.reason.body }
            : { status: 424, body: { error: "Failed Dependency" } },
        );
        return json({ committed: false, results }, 207);
      }
    },
  };
}

async function attempt(
  context: ServerContext,
  tx: Transaction,
  index: number,
  operation: BatchOperation,
  received: Received | undefined,
  write: WriteContext,
): Promise<BatchResult> {
  try {
    return await carryOut(context, tx, operation, received, write);
  } catch (error) {
    const reason = toHttpError(error);
    if (reason.status >= 500) throw error;
    throw new BatchFailed(index, reason);
  }
}

async function carryOut(
  context: ServerContext,
  tx: Transaction,
  operation: BatchOperation,
  received: Received | undefined,
  write: WriteContext,
): Promise<BatchResult> {
  const { documents } = context;
  const conditions: Conditions = {
    ...(operation.ifMatch === undefined ? {} : { ifMatch: etags(operation.ifMatch) }),
    ...(operation.op === "put" && operation.ifNoneMatch !== undefined
      ? { ifNoneMatch: "any" as const }
      : {}),
  };
  const own = { ...write, conditions };
  if (operation.op === "delete") {
    const document = await needDocument(tx, write.access, operation.id);
    await deleteDocument(tx, document, own);
    return { status: 204, id: document.id };
  }
  const { containerTag, customId, filepath, metadata } = operation;
  const fields = { customId, filepath, metadata, movesToo: true };
  if (operation.id !== undefined) {
    const document = await needDocument(tx, write.access, operation.id);
    const result = await documents.change(tx, document, { ...fields, received }, own);
    return toResult(200, result.document);
  }
  if (received === undefined) throw invalid("content: required without an id");
  const result = await documents.put(
    tx,
    { ...fields, received, containerTags: [containerTag] },
    own,
  );
  return toResult(result.created ? 201 : 200, result.document);
}

function toResult(
  status: number,
  document: Parameters<typeof contentHashOf>[0] & {
    readonly id: string;
    readonly rev: number;
    readonly filepath: string | null;
  },
): BatchResult {
  const { id, rev, filepath } = document;
  return { status, id, rev, contentHash: contentHashOf(document), filepath };
}
