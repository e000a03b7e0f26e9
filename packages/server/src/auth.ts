/** Bearer keys: who asks, and what they may do. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Clock } from "@smfs/core";
import { type Access, accessOf, fullAccess, unauthorized } from "./documents/access.ts";
import { forbidden } from "./http/http-error.ts";
import type { Storage } from "./storage/storage.ts";

/**
 * - `key`: every request carries a key.
 * - `loopback`: requests without one are served too, if they come from a program on this machine: the Host header must
 *   be a loopback name and there must be no foreign Origin, so that no web page can ask through a browser.
 */
export type AuthMode = "key" | "loopback";

export interface AuthOptions {
  readonly mode: AuthMode;
  /** Keys with full access, given at start. */
  readonly keys: readonly string[];
  readonly storage: Pick<Storage, "keyByDigest">;
  readonly clock: Clock;
}

/** Tells what the headers of a request allow. @throws HttpError 401, 403 */
export type Authorize = (header: (name: string) => string | undefined) => Promise<Access>;

export function createAuthorize(options: AuthOptions): Authorize {
  const full = options.keys.map(digestOf);
  return async (header) => {
    const authorization = header("authorization");
    if (authorization === undefined) {
      if (options.mode === "loopback") return loopbackAccess(header);
      throw unauthorized();
    }
    const key = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
    if (key === undefined) throw unauthorized();
    const digest = digestOf(key);
    // Every full key is compared, each in constant time: how long it takes says nothing of any of them.
    let isFull = false;
    for (const one of full) isFull = timingSafeEqual(one, digest) || isFull;
    if (isFull) return fullAccess;
    const stored = await options.storage.keyByDigest(digest.toString("hex"));
    const isAlive =
      stored !== undefined && (stored.expiresAt === null || options.clock.now() < stored.expiresAt);
    if (!isAlive) throw unauthorized();
    return accessOf(stored);
  };
}

/** The digest by which a key is known. Keys are long and random, so a plain hash keeps them. */
export function digestOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}

const loopbackHost = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;
const loopbackOrigin = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;

function loopbackAccess(header: (name: string) => string | undefined): Access {
  const origin = header("origin");
  if (!loopbackHost.test(header("host") ?? "")) throw unauthorized();
  if (origin !== undefined && !loopbackOrigin.test(origin)) {
    throw forbidden("requests from web pages need a key");
  }
  return fullAccess;
}
