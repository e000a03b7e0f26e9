/**
 * Writes of documents: which one is meant, whether it may be changed, and what it becomes (http-api.md, semantics).
 * Everything here runs inside one unit, on what the unit reads.
 */
import { baseName, type Random } from "@smfs/core";
import type { DrawMemories } from "../memories/draw-memories.ts";
import { isSearchable } from "../search/searchable.ts";
import type { Transaction } from "../storage/storage.ts";
import type {
  DocumentChange,
  StoredDocument,
  StoredVersion,
  TaskType,
  Tombstone,
} from "../storage/stored.ts";
import { needPlace } from "./access.ts";
import { checkConditions, checkPlace, needSight } from "./check-place.ts";
import { fileNameOf, movedTitle, newPath, opOf, sameTags, withAllTags } from "./difference.ts";
import { newId } from "./document-id.ts";
import type { DocumentWrite, WriteContext, WriteResult } from "./document-write.ts";
import type { Indexer } from "./indexer.ts";
import { documentType, mediaTypeOf } from "./media-type.ts";
import { taskTypeOf } from "./memory-paths.ts";
import { mergeMetadata, sameMetadata } from "./metadata.ts";
import type { Received } from "./receive-content.ts";
import { titleOf } from "./title.ts";

export interface DocumentWriterOptions {
  readonly random: Random;
  readonly indexer: Indexer;
  readonly drawMemories: DrawMemories;
  /** Bytes up to which text is served as `content`. */
  readonly textBytesMax: number;
  /** Document type of bytes of no known kind. */
  readonly binaryType: string;
}

export class DocumentWriter {
  readonly #options: DocumentWriterOptions;

  constructor(options: DocumentWriterOptions) {
    this.#options = options;
  }

  /**
   * Creates a document, or changes the live one that has this custom id, or else this path, in one of the containers.
   * @throws HttpError 400, 403, 409, 412
   */
  async put(
    tx: Transaction,
    write: DocumentWrite & {
      readonly received: Received;
      readonly containerTags: readonly string[];
    },
    context: WriteContext,
  ): Promise<WriteResult> {
    needPlace(context.access, {
      containerTags: write.containerTags,
      filepath: write.filepath ?? context.access.pathPrefix,
    });
    const existing = await this.#existing(tx, write);
    if (existing !== undefined)
      return this.change(tx, existing, withAllTags(existing, write), context);
    checkConditions(context, undefined);
    return { document: await this.#create(tx, write, context), created: true, changed: true };
  }

  /**
   * Changes a document.
   * @throws HttpError 400, 403, 409, 412
   */
  async change(
    tx: Transaction,
    document: StoredDocument,
    write: DocumentWrite,
    context: WriteContext,
  ): Promise<WriteResult> {
    needSight(context, document);
    checkConditions(context, document);
    const change = await this.#difference(tx, document, write, context);
    if (write.entityContext !== undefined) {
      await putEntityContext(
        tx,
        write.containerTags ?? document.containerTags,
        write.entityContext,
      );
    }
    if (change === undefined) return { document, created: false, changed: false };
    await checkPlace(tx, { ...document, ...change }, document, context);
    const changed = await tx.change(document, change);
    if (change.content !== undefined) await this.#index(tx, changed, write.received?.text);
    return { document: changed, created: false, changed: true };
  }

  /**
   * Makes an earlier state the present one, as a new rev. The containers stay.
   * @throws HttpError 400, 403, 409
   */
  async restore(
    tx: Transaction,
    document: StoredDocument,
    version: StoredVersion,
    context: WriteContext,
  ): Promise<WriteResult> {
    const { content, filepath, metadata, title, type, mediaType, isText, taskType } = version;
    const change: DocumentChange = {
      ...(content.digest === document.content.digest
        ? {}
        : {
            content,
            type,
            mediaType,
            isText,
            errorMessage: null,
            ...this.#owed(isText, mediaType),
          }),
      filepath,
      metadata,
      title,
      taskType,
      op: "restore",
      writer: context.writer,
    };
    await checkPlace(tx, { ...document, filepath }, document, context);
    const restored = await tx.change(document, change);
    if (change.content !== undefined) await this.#oweText(tx, restored);
    return { document: restored, created: false, changed: true };
  }

  /** Brings a deleted document back; its names must be free. */
  async undelete(
    tx: Transaction,
    tombstone: Tombstone,
    context: WriteContext,
  ): Promise<WriteResult> {
    const version = await tx.version(tombstone.documentNo, tombstone.rev - 1);
    const owed = this.#owed(version?.isText === true, version?.mediaType ?? "");
    const document = await tx.undelete(tombstone, { ...owed, writer: context.writer });
    needPlace(context.access, document);
    await this.#oweText(tx, document);
    return { document, created: false, changed: true };
  }

  /** What is still to be done for bytes that come back: the pipeline does it. */
  #owed(isText: boolean, mediaType: string) {
    const isQueued = !isText && this.#options.indexer.extracts(mediaType);
    return {
      status: isQueued ? ("queued" as const) : ("done" as const),
      dreamingStatus: isText ? ("dreaming" as const) : ("done" as const),
    };
  }

  async #existing(tx: Transaction, write: DocumentWrite): Promise<StoredDocument | undefined> {
    const tags = write.containerTags ?? [];
    if (write.customId !== undefined) return tx.documentByCustomId(write.customId, tags);
    if (write.filepath === undefined) return undefined;
    for (const tag of tags) {
      const document = await tx.documentByPath(tag, write.filepath);
      if (document !== undefined) return document;
    }
    return undefined;
  }

  async #create(
    tx: Transaction,
    write: DocumentWrite & {
      readonly received: Received;
      readonly containerTags: readonly string[];
    },
    context: WriteContext,
  ): Promise<StoredDocument> {
    const place = {
      containerTags: write.containerTags,
      filepath: write.filepath ?? null,
      customId: write.customId ?? null,
    };
    await checkPlace(tx, place, undefined, context);
    if (write.entityContext !== undefined) {
      await putEntityContext(tx, write.containerTags, write.entityContext);
    }
    const metadata = mergeMetadata(null, write.metadata);
    const document = await tx.create({
      ...place,
      ...this.#contentFields(write, write.received, place.filepath),
      id: newId(this.#options.random),
      title: titleOf(metadata, fileNameOf(write, write.received), write.received.text),
      content: write.received.content,
      metadata,
      taskType: write.taskType ?? (await this.#taskType(tx, place)),
      writer: context.writer,
    });
    await this.#index(tx, document, write.received.text);
    return document;
  }

  /** What the write changes, or undefined when everything is so already. */
  async #difference(
    tx: Transaction,
    old: StoredDocument,
    write: DocumentWrite,
    context: WriteContext,
  ): Promise<DocumentChange | undefined> {
    const { received } = write;
    const metadata = mergeMetadata(old.metadata, write.metadata);
    const newBytes = received !== undefined && received.digest !== old.content.digest;
    const filepath = newPath(old, write, context.conditions);
    const change = {
      ...(newBytes
        ? {
            ...this.#contentFields(write, received, filepath ?? old.filepath),
            content: received.content,
          }
        : {}),
      ...(filepath === undefined ? {} : { filepath }),
      ...(sameMetadata(metadata, old.metadata) ? {} : { metadata }),
      ...(write.customId === undefined || write.customId === old.customId
        ? {}
        : { customId: write.customId }),
      ...(write.containerTags === undefined || sameTags(write.containerTags, old.containerTags)
        ? {}
        : { containerTags: write.containerTags }),
      ...(write.taskType === undefined || write.taskType === old.taskType
        ? {}
        : { taskType: write.taskType }),
      // Sent again after it failed: it is tried again.
      ...(received !== undefined && !newBytes && old.status === "failed"
        ? { status: "queued" as const, errorMessage: null }
        : {}),
    };
    if (Object.keys(change).length === 0) return undefined;
    const title =
      titleOf(metadata, received && fileNameOf(write, received), received?.text) ??
      movedTitle(old, filepath);
    return {
      ...change,
      ...(title === null || title === old.title ? {} : { title }),
      ...(newBytes
        ? {
            errorMessage: null,
            taskType: write.taskType ?? (await this.#laterTaskType(tx, { ...old, ...change })),
          }
        : {}),
      op: opOf(change),
      writer: context.writer,
    };
  }

  #contentFields(write: DocumentWrite, received: Received, filepath: string | null) {
    const name = write.fileName ?? (filepath === null ? undefined : baseName(filepath));
    const mediaType = mediaTypeOf(received, name, write.mediaType);
    const isText =
      received.isUtf8 &&
      received.sniffedType === undefined &&
      received.size <= this.#options.textBytesMax;
    const extracts = !isText && this.#options.indexer.extracts(mediaType);
    return {
      mediaType,
      isText,
      type: documentType(mediaType, isText, this.#options.binaryType),
      status: extracts ? ("queued" as const) : ("done" as const),
      dreamingStatus:
        isText && !this.#isInline(received) ? ("dreaming" as const) : ("done" as const),
    };
  }

  #isInline({ text }: Received): boolean {
    return text !== undefined && text.length <= this.#options.indexer.inlineLengthMax;
  }

  /** A short text is found as soon as the write returns; a long one is indexed by the pipeline, right after. */
  async #index(tx: Transaction, document: StoredDocument, text: string | undefined): Promise<void> {
    await this.#oweText(tx, document);
    if (!document.isText || text === undefined || document.dreamingStatus === "dreaming") return;
    if (!isSearchable(document)) return;
    await tx.putChunks(document, text, this.#options.indexer.indexText(text, document.mediaType));
    await this.#options.drawMemories(tx, document, text);
  }

  async #oweText(tx: Transaction, document: StoredDocument): Promise<void> {
    const isImage = !document.isText && this.#options.indexer.readsImage(document.mediaType);
    if (isImage && isSearchable(document)) await tx.oweText(document.no, document.contentRev);
  }

  /** New bytes are an ingest of their own; without a path nothing but a write says what a document is. */
  async #laterTaskType(
    tx: Transaction,
    document: Pick<StoredDocument, "containerTags" | "filepath" | "taskType">,
  ): Promise<TaskType> {
    return document.filepath === null ? document.taskType : this.#taskType(tx, document);
  }

  async #taskType(
    tx: Transaction,
    place: { readonly containerTags: readonly string[]; readonly filepath: string | null },
  ): Promise<TaskType> {
    const first = place.containerTags[0];
    const tag = first === undefined ? undefined : await tx.tag(first);
    return taskTypeOf(place.filepath, tag?.memoryFilesystemPaths ?? null);
  }
}

async function putEntityContext(
  tx: Transaction,
  containerTags: readonly string[],
  entityContext: string,
): Promise<void> {
  for (const tag of containerTags) {
    const old = await tx.tag(tag);
    if (old?.entityContext !== entityContext) await tx.putTag(tag, { entityContext });
  }
}
