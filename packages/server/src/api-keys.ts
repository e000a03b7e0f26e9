/** Bearer keys with a scope: made, listed and revoked in the data directory, while a server runs on it or not. */
import { createHash } from "node:crypto";
import type { Clock, Random } from "@smfs/core";
import { newId } from "./documents/document-id.ts";
import { holdsData } from "./storage/sqlite/backup.ts";
import { openKeyStore } from "./storage/sqlite/key-store.ts";
import type { StoredKey } from "./storage/storage.ts";

export interface KeyRequest {
  /** For people: what the key is for. */
  readonly name: string;
  /** Default true. */
  readonly canWrite?: boolean;
  /** Changes and deletes documents only under a condition (`If-Match` …); default false. */
  readonly strict?: boolean;
  /** Only these containers; default: all. */
  readonly containerTags?: readonly string[];
  /** Only documents below this directory, which begins and ends with `/`. */
  readonly pathPrefix?: string;
  /** Milliseconds from now until the key stops working; default: never. */
  readonly lifetimeMs?: number;
}

/** A key as it may be shown; the key itself is known only to who made it. */
export type ApiKey = Omit<StoredKey, "digest">;

export interface KeyStoreOptions {
  /** Made when it is not there: keys may come before the first start. */
  readonly dataDir: string;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Makes a key: `sm_<id>_<random>`. It is shown this once; what is kept is its digest.
 * @throws RangeError when the scope cannot be
 */
export async function createApiKey(
  options: KeyStoreOptions,
  request: KeyRequest,
): Promise<ApiKey & { readonly key: string }> {
  const { clock, random } = options;
  const { name, canWrite = true, strict = false, containerTags, pathPrefix, lifetimeMs } = request;
  if (!/^\P{Cc}{1,100}$/u.test(name)) {
    throw new RangeError("the name of a key is 1 to 100 characters in one line");
  }
  if (lifetimeMs !== undefined && !(lifetimeMs > 0)) {
    throw new RangeError("a key lives for more than no time");
  }
  const wrongTag = containerTags?.find((tag) => !/^[A-Za-z0-9_:.-]{1,100}$/.test(tag));
  if (wrongTag !== undefined) throw new RangeError(`${wrongTag} is not a container`);
  if (pathPrefix !== undefined && !/^\/(?:[^/]+\/)*$/.test(pathPrefix)) {
    throw new RangeError(`${pathPrefix} is not a directory: it begins and ends with /`);
  }
  const id = newId(random).slice(0, 10);
  const key = `sm_${id}_${newId(random)}${newId(random)}`;
  const stored: StoredKey = {
    id,
    digest: createHash("sha256").update(key).digest("hex"),
    name,
    canWrite,
    isStrict: strict,
    containerTags: containerTags ?? null,
    pathPrefix: pathPrefix ?? null,
    createdAt: clock.now(),
    expiresAt: lifetimeMs === undefined ? null : clock.now() + lifetimeMs,
  };
  const store = openKeyStore(options.dataDir);
  try {
    await store.putKey(stored);
  } finally {
    store.close();
  }
  const { digest: _, ...shown } = stored;
  return { ...shown, key };
}

/** All keys of a data directory, oldest first. */
export async function listApiKeys(options: Pick<KeyStoreOptions, "dataDir">): Promise<ApiKey[]> {
  if (!holdsData(options.dataDir)) return [];
  const store = openKeyStore(options.dataDir);
  try {
    return (await store.keys()).map(({ digest: _, ...shown }) => shown);
  } finally {
    store.close();
  }
}

/** Revokes a key by its id, at once: a running server refuses its next request. @returns whether there was one */
export async function revokeApiKey(
  options: Pick<KeyStoreOptions, "dataDir">,
  id: string,
): Promise<boolean> {
  if (!holdsData(options.dataDir)) return false;
  const store = openKeyStore(options.dataDir);
  try {
    return await store.removeKey(id);
  } finally {
    store.close();
  }
}
