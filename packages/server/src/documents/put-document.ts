/**
 * Writes of documents: which one is meant, whether it may be changed, and what it becomes (http-api.md, semantics).
 * Everything here runs inside one unit, on what the unit reads.
 */
import type { MetadataPatch } from "@smfs/api";
import { baseName, type Random } from "@smfs/core";
import { allowsWrite, type Conditions } from "../http/conditions.ts";
import { conflict, invalid, preconditionFailed } from "../http/http-error.ts";
import type { DrawMemories } from "../memories/draw-memories.ts";
import { isSearchable } from "../search/searchable.ts";
import type { Transaction } from "../storage/storage.ts";
import type {
  DocumentChange,
  StoredDocument,
  StoredVersion,
  TaskType,
  Tombstone,
  VersionOp,
  Writer,
} from "../storage/stored.ts";
import { type Access, needContainer, needPlace, sees } from "./access.ts";
import { toCurrent, validatorsOf } from "./content-hash.ts";
import { newId } from "./document-id.ts";
import type { Indexer } from "./indexer.ts";
import { documentType, mediaTypeOf } from "./media-type.ts";
import { taskTypeOf } from "./memory-paths.ts";
import { mergeMetadata, sameMetadata } from "./metadata.ts";
import type { Received } from "./receive-content.ts";
import { titleOf } from "./title.ts";

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
    checkConditions(context.conditions, undefined);
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
    checkConditions(context.conditions, document);
    const change = await this.#difference(tx, document, write, context);
    if (write.entityContext !== undefined) {
      await putEntityContext(
        tx,
        write.containerTags ?? document.containerTags,
        write.entityContext,
      );
    }
    if (change === undefined) return { document, created: false, changed: false };
    await this.#checkPlace(tx, { ...document, ...change }, document, context);
    const changed = await tx.change(document, change);
    if (change.content !== undefined) await this.#index(tx, changed, write);
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
    await this.#checkPlace(tx, { ...document, filepath }, document, context);
    return { document: await tx.change(document, change), created: false, changed: true };
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
    await this.#checkPlace(tx, place, undefined, context);
    if (write.entityContext !== undefined) {
      await putEntityContext(tx, write.containerTags, write.entityContext);
    }
    const metadata = mergeMetadata(null, write.metadata);
    const document = await tx.create({
      ...place,
      ...this.#contentFields(write, write.received),
      id: newId(this.#options.random),
      title: titleOf(metadata, fileNameOf(write, write.received), write.received.text),
      content: write.received.content,
      metadata,
      taskType: write.taskType ?? (await this.#taskType(tx, place)),
      writer: context.writer,
    });
    await this.#index(tx, document, write);
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
      ...(newBytes ? { ...this.#contentFields(write, received), content: received.content } : {}),
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
            taskType: write.taskType ?? (await this.#taskType(tx, { ...old, ...change })),
          }
        : {}),
      op: opOf(change),
      writer: context.writer,
    };
  }

  #contentFields(write: DocumentWrite, received: Received) {
    const name =
      write.fileName ?? (write.filepath === undefined ? undefined : baseName(write.filepath));
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
  async #index(tx: Transaction, document: StoredDocument, write: DocumentWrite): Promise<void> {
    const text = write.received?.text;
    if (!document.isText || text === undefined || document.dreamingStatus === "dreaming") return;
    if (!isSearchable(document)) return;
    await tx.putChunks(document, text, this.#options.indexer.indexText(text, document.mediaType));
    await this.#options.drawMemories(tx, document, text);
  }

  async #taskType(
    tx: Transaction,
    place: { readonly containerTags: readonly string[]; readonly filepath: string | null },
  ): Promise<TaskType> {
    const first = place.containerTags[0];
    const tag = first === undefined ? undefined : await tx.tag(first);
    return taskTypeOf(place.filepath, tag?.memoryFilesystemPaths ?? null);
  }

  /** A path and a custom id name one document in each container, and no document is another's directory. */
  async #checkPlace(
    tx: Transaction,
    place: Pick<StoredDocument, "containerTags" | "filepath" | "customId">,
    old: StoredDocument | undefined,
    context: WriteContext,
  ): Promise<void> {
    if (
      old === undefined ||
      place.filepath !== old.filepath ||
      place.containerTags !== old.containerTags
    ) {
      needPlace(context.access, place);
      for (const tag of old?.containerTags ?? []) {
        if (!place.containerTags.includes(tag)) needContainer(context.access, tag);
      }
    }
    const { filepath, customId } = place;
    for (const tag of place.containerTags) {
      const settled = old?.containerTags.includes(tag) === true;
      if (customId !== null && !(settled && customId === old?.customId)) {
        const holder = await tx.documentByCustomId(customId, [tag]);
        if (holder !== undefined && holder.no !== old?.no) {
          throw conflict("another document has this custom id", currentFor(context, holder));
        }
      }
      if (filepath === null || (settled && filepath === old?.filepath)) continue;
      const holder = await tx.documentByPath(tag, filepath);
      if (holder !== undefined && holder.no !== old?.no) {
        throw conflict("another document has this path", currentFor(context, holder));
      }
      const clash = await tx.pathClash(tag, filepath, old?.no);
      if (clash !== undefined) {
        throw invalid(`filepath: ${filepath} and ${clash.filepath} cannot both exist`);
      }
    }
  }
}

/**
 * @throws HttpError 412 when the state is not what the request says it must be
 */
export function checkConditions(
  conditions: Conditions,
  document: StoredDocument | undefined,
): void {
  const state = document === undefined ? undefined : validatorsOf(document);
  if (allowsWrite(conditions, state)) return;
  if (document === undefined) throw preconditionFailed("there is no such document");
  throw preconditionFailed(`document is at r${document.rev}`, toCurrent(document));
}

/** A document that the key does not reach is, for it, not there; only that its name is taken cannot be hidden. */
function needSight(context: WriteContext, document: StoredDocument): void {
  if (!sees(context.access, document)) throw conflict("the name is taken");
}

function currentFor(context: WriteContext, document: StoredDocument) {
  return sees(context.access, document) ? toCurrent(document) : undefined;
}

/**
 * The path that a write gives a document, or undefined when it stays. Beside new bytes a path counts only when the
 * document has none or the write names the state it builds on: otherwise a save by somebody who missed a rename would
 * undo it.
 */
function newPath(
  old: StoredDocument,
  write: DocumentWrite,
  conditions: Conditions,
): string | undefined {
  if (write.filepath === undefined || write.filepath === old.filepath) return undefined;
  const counts =
    write.received === undefined ||
    write.movesToo === true ||
    old.filepath === null ||
    conditions.ifMatch !== undefined;
  return counts ? write.filepath : undefined;
}

/** The name by which bytes that are no text are called. */
function fileNameOf(write: DocumentWrite, received: Received): string | undefined {
  if (write.fileName !== undefined || received.isUtf8 || write.filepath === undefined) {
    return write.fileName;
  }
  return baseName(write.filepath);
}

/** A title that is the file's name follows the file. */
function movedTitle(old: StoredDocument, filepath: string | undefined): string | null {
  const isName = old.filepath !== null && old.title === baseName(old.filepath);
  return isName && filepath !== undefined ? baseName(filepath) : null;
}

function opOf(change: { content?: unknown; filepath?: unknown; status?: unknown }): VersionOp {
  if (change.content !== undefined) return "update";
  if (change.filepath !== undefined) return "rename";
  return change.status === undefined ? "metadata" : "status";
}

/** An upsert adds containers, it never takes one away. */
function withAllTags<T extends DocumentWrite>(old: StoredDocument, write: T): T {
  const containerTags = [...new Set([...old.containerTags, ...(write.containerTags ?? [])])];
  return { ...write, containerTags };
}

function sameTags(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((tag, i) => tag === b[i]);
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
