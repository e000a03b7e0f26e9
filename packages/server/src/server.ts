/** The memory server: storage, rules, pipeline and search, put together. */
import { type Clock, type Logger, type Random, toHex } from "@smfs/core";
import { type App, createApp, type Handlers } from "./app.ts";
import { type AuthMode, createAuthorize } from "./auth.ts";
import { ChangeFeed } from "./documents/change-feed.ts";
import { ContainerMerges } from "./documents/container-merges.ts";
import { newId } from "./documents/document-id.ts";
import { FileUrls } from "./documents/file-urls.ts";
import type { Indexer } from "./documents/indexer.ts";
import { DocumentLists } from "./documents/list-documents.ts";
import { DocumentWriter } from "./documents/put-document.ts";
import { RepeatedCreates } from "./documents/repeated-creates.ts";
import { notingStatus, StatusEvents } from "./documents/status-events.ts";
import { Tickets } from "./documents/tickets.ts";
import { BackgroundSharpener } from "./embed/background-sharpener.ts";
import type { ModelSource } from "./embed/embedder.ts";
import { StaticEmbedder } from "./embed/static-embedder.ts";
import { ImageReader } from "./images/image-reader.ts";
import type { ImageTextSource } from "./images/image-text.ts";
import { defaultLimits, type ServerLimits } from "./limits.ts";
import { isLoopback, type Listening, listen, PlainHttpError, type TlsOptions } from "./listen.ts";
import { Maintenance } from "./maintenance.ts";
import { type DrawMemories, drawAtOnce, drawLater } from "./memories/draw-memories.ts";
import { drawingStorage } from "./memories/drawing-storage.ts";
import { FactFinder } from "./memories/fact-finder.ts";
import type { FactSource } from "./memories/fact-source.ts";
import { MemorySearch } from "./memories/memory-search.ts";
import { Pipeline } from "./pipeline/pipeline.ts";
import { pipelineHere, pipelineWorker } from "./pipeline/pipeline-thread.ts";
import { RateLimit, type RateLimitOptions } from "./rate-limit.ts";
import { RequestMetrics } from "./request-metrics.ts";
import { batchHandlers } from "./routes/batch-routes.ts";
import { containerHandlers } from "./routes/container-routes.ts";
import { conversationHandlers } from "./routes/conversation-routes.ts";
import { documentHandlers } from "./routes/document-routes.ts";
import { feedHandlers } from "./routes/feed-routes.ts";
import { fsHandlers } from "./routes/fs-routes.ts";
import { listHandlers } from "./routes/list-routes.ts";
import { memoryHandlers } from "./routes/memory-routes.ts";
import { operationsHandlers } from "./routes/operations-routes.ts";
import { rawHandlers } from "./routes/raw-routes.ts";
import { searchHandlers } from "./routes/search-routes.ts";
import { serverHandlers } from "./routes/server-routes.ts";
import { statusHandlers } from "./routes/status-routes.ts";
import { streamHandlers } from "./routes/stream-routes.ts";
import { uploadHandlers } from "./routes/upload-routes.ts";
import { versionHandlers } from "./routes/version-routes.ts";
import type { SearchService } from "./search/search-service.ts";
import { Searcher, searchHere } from "./search/searcher.ts";
import type { SearchDocumentId, ServerContext } from "./server-context.ts";
import { searchWorker } from "./storage/sqlite/search-thread.ts";
import { openSqliteStorage } from "./storage/sqlite/sqlite-storage.ts";
import type { Storage } from "./storage/storage.ts";

export interface ServerOptions {
  /** Where everything is kept; made for its owner only when it is not there. */
  readonly dataDir: string;
  /** Default: loopback. */
  readonly host?: string;
  /** Default 6767; 0: any that is free. */
  readonly port?: number;
  /** Keys with full access. More keys, with a scope, are kept in the data directory (api-keys.ts). */
  readonly keys: readonly string[];
  /** Default `key`: no request is served without one. */
  readonly auth?: AuthMode;
  readonly tls?: TlsOptions;
  /** How clients reach it through a proxy, without a trailing slash: addresses in answers begin with it. */
  readonly publicUrl?: string;
  /** Lets other machines in without TLS: for a proxy in front that speaks it, or a network that is trusted. */
  readonly allowHttp?: boolean;
  readonly limits?: Partial<ServerLimits>;
  /** Document type of bytes that are no text and of no kind the API knows. Default `webpage`. */
  readonly binaryType?: string;
  /** What `/v3/search` gives as `documentId`. Default `id`. */
  readonly searchDocumentId?: SearchDocumentId;
  /** A sharper embedding model beside the built-in one (embed-minilm, or httpModel for an endpoint). */
  readonly model?: ModelSource;
  /** A language model that finds facts in memory documents (chatFacts). Default: their own sentences. */
  readonly facts?: FactSource;
  /** What reads the text in images (the package image-text). Default: images are stored as they are. */
  readonly images?: ImageTextSource;
  /** How many requests one key may make. Default: any number. */
  readonly rateLimit?: RateLimitOptions;
  /** Where search and pipeline run. Default `workers`; `here` is for tests that run from source. */
  readonly threads?: "workers" | "here";
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface MemoryServer {
  /** Answers requests without a socket: `app.request(path)`. */
  readonly app: App;
  readonly storage: Storage;
  readonly search: SearchService;
  /** Resolves when every document is processed, as far as can be. */
  idle(): Promise<void>;
  /** @throws Error when the address cannot be had, or when it listens already */
  listen(): Promise<Listening>;
  /** Ends what runs, then closes everything. May be called more than once. */
  close(): Promise<void>;
}

export const defaultPort = 6767;
export const defaultHost = "127.0.0.1";

/**
 * Opens the data directory.
 * @throws DataLockedError when another server uses it, NewerDataError when a newer program wrote it,
 *   PlainHttpError and RangeError when the options would let anybody in
 */
export async function createServer(options: ServerOptions): Promise<MemoryServer> {
  refuseOpenDoors(options);
  const { dataDir, clock, random, logger, rateLimit } = options;
  const storage = await openSqliteStorage({ dataDir, clock, random, logger });
  const workers = openWorkers(storage, options);
  const context = await openContext(storage, workers, options);
  const metrics = new RequestMetrics();
  const authorize = createAuthorize({
    mode: options.auth ?? "key",
    keys: options.keys,
    storage,
    clock,
  });
  const app = createApp(handlersOf(context, metrics), {
    ...context,
    authorize,
    logger,
    metrics,
    ...(rateLimit === undefined ? {} : { rateLimit: new RateLimit(rateLimit, clock) }),
    ...(options.publicUrl === undefined ? {} : { publicUrl: options.publicUrl }),
  });
  const maintenance = new Maintenance(storage, clock, logger);
  // What a crash left half-way is taken up again.
  workers.indexer.wake();
  context.merges.wake();

  let listening: Listening | undefined;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    // Readers that wait are answered first: they would hold their connections open.
    context.feed.close();
    await listening?.close();
    await maintenance.close();
    await context.merges.close();
    await workers.close();
    await storage.close();
  };
  return {
    app,
    storage,
    search: workers.search,
    idle: async () => {
      await context.merges.idle();
      await workers.indexer.idle();
    },
    listen: async () => {
      if (listening !== undefined) throw new Error("the server listens already");
      const { host = defaultHost, port = defaultPort, tls } = options;
      listening = await listen(app, { host, port, tls, clock });
      logger.log("info", "listening", { url: listening.url });
      return listening;
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

function refuseOpenDoors({ host = defaultHost, tls, allowHttp, auth }: ServerOptions): void {
  if (isLoopback(host)) return;
  if (auth === "loopback")
    throw new RangeError(`${host} is not loopback: requests there need a key`);
  if (tls === undefined && allowHttp !== true) throw new PlainHttpError(host);
}

interface Workers {
  readonly statuses: StatusEvents;
  readonly indexer: Indexer & { idle(): Promise<void> };
  readonly drawMemories: DrawMemories;
  readonly search: Searcher;
  close(): Promise<void>;
}

function openWorkers(storage: Storage, options: ServerOptions): Workers {
  const { dataDir, clock, random, logger, model, facts, images, threads = "workers" } = options;
  const isHere = threads === "here";
  const tools = { clock, random, logger };
  const sharpener = model && new BackgroundSharpener({ storage, model, ...tools });
  const thread = isHere ? searchHere(storage) : searchWorker(dataDir, clock);
  const search = new Searcher(storage, thread, sharpener);
  const statuses = new StatusEvents(toHex(random.bytes(4)));
  const noted = notingStatus(storage, statuses);
  const finder = facts && new FactFinder({ storage: noted, source: facts, ...tools });
  const pipelineIndex: Indexer["indexText"] = (text, mediaType) =>
    pipeline.indexText(text, mediaType);
  const reader =
    images &&
    new ImageReader({ storage: noted, source: images, indexText: pipelineIndex, ...tools });
  const drawMemories = finder === undefined ? drawAtOnce(random) : drawLater(random);
  const pipeline = new Pipeline({
    storage: drawingStorage(noted, drawMemories),
    thread: isHere ? pipelineHere : pipelineWorker(clock),
    ...tools,
    ...(sharpener === undefined ? {} : { sharpener }),
  });
  return {
    statuses,
    search,
    drawMemories,
    indexer: {
      inlineLengthMax: pipeline.inlineLengthMax,
      indexText: pipelineIndex,
      readsImage: (mediaType) => images?.mediaTypes.has(mediaType) === true,
      extracts: (mediaType) => pipeline.extracts(mediaType),
      wake: () => {
        pipeline.wake();
        finder?.wake();
        reader?.wake();
      },
      idle: async () => {
        await pipeline.idle();
        // What the pipeline has just indexed may be a memory.
        finder?.wake();
        await finder?.idle();
        await reader?.idle();
      },
    },
    close: async () => {
      await sharpener?.close();
      await finder?.close();
      await reader?.close();
      await pipeline.close();
      await search.close();
    },
  };
}

async function openContext(
  storage: Storage,
  { indexer, search, drawMemories, statuses }: Workers,
  options: ServerOptions,
): Promise<ServerContext> {
  const { clock, random, logger, binaryType = "webpage" } = options;
  const limits: ServerLimits = { ...defaultLimits, ...options.limits };
  const secret = await keptSetting(storage, "url-secret", () => newId(random) + newId(random));
  const { textBytesMax } = limits;
  const documents = new DocumentWriter({
    random,
    indexer,
    drawMemories,
    textBytesMax,
    binaryType,
  });
  return {
    storage,
    documents,
    merges: new ContainerMerges({ storage, documents, clock, random, logger }),
    lists: new DocumentLists(storage, clock),
    feed: new ChangeFeed(storage, statuses, clock),
    files: new FileUrls(secret, clock),
    indexer,
    search,
    memories: new MemorySearch(storage, new StaticEmbedder(), clock),
    tickets: new Tickets(clock, random),
    repeated: new RepeatedCreates(clock),
    limits,
    searchDocumentId: options.searchDocumentId ?? "id",
    clock,
    random,
    orgId: await keptSetting(storage, "org-id", () => newId(random)),
  };
}

function handlersOf(context: ServerContext, metrics: RequestMetrics): Handlers {
  return {
    ...serverHandlers(context),
    ...documentHandlers(context),
    ...listHandlers(context),
    ...uploadHandlers(context),
    ...feedHandlers(context),
    ...rawHandlers(context),
    ...versionHandlers(context),
    ...streamHandlers(context),
    ...statusHandlers(context),
    ...fsHandlers(context),
    ...batchHandlers(context),
    ...searchHandlers(context),
    ...memoryHandlers(context),
    ...conversationHandlers(context),
    ...containerHandlers(context),
    ...operationsHandlers(context, metrics),
  };
}

/** A value that is made once in the life of a data directory. */
async function keptSetting(storage: Storage, key: string, make: () => string): Promise<string> {
  return (
    (await storage.setting(key)) ??
    (await storage.write(async (tx) => {
      const value = make();
      await tx.putSetting(key, value);
      return value;
    }))
  );
}
