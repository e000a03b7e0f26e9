/** What a key may see and do: decided here, asked by every route. */
import { forbidden, HttpError } from "../http/http-error.ts";
import type { Scope, StoredKey } from "../storage/storage.ts";

export interface Access {
  /** Names the key towards idempotency keys and pinned listings; never shown. */
  readonly keyId: string;
  readonly canWrite: boolean;
  /** Documents are written only under a condition: what nobody has looked at, nobody may replace. */
  readonly isStrict: boolean;
  /** Null: every container. */
  readonly containerTags: readonly string[] | null;
  /** Null: every path; else only documents below this directory, which ends in `/`. */
  readonly pathPrefix: string | null;
  readonly expiresAt: number | null;
}

/** Everything: the key of whoever runs the server. */
export const fullAccess: Access = {
  keyId: "local",
  canWrite: true,
  isStrict: false,
  containerTags: null,
  pathPrefix: null,
  expiresAt: null,
};

export function accessOf(key: StoredKey): Access {
  return {
    keyId: key.id,
    canWrite: key.canWrite,
    isStrict: key.isStrict,
    containerTags: key.containerTags,
    pathPrefix: key.pathPrefix,
    expiresAt: key.expiresAt,
  };
}

interface Placed {
  readonly containerTags: readonly string[];
  readonly filepath: string | null;
}

/** Whether a document is there for this key. */
export function sees(access: Access, document: Placed): boolean {
  return (
    (access.containerTags === null ||
      document.containerTags.some((tag) => access.containerTags?.includes(tag))) &&
    isBelow(access, document.filepath)
  );
}

/** The containers of a document that this key may know of. */
export function visibleTags(access: Access, containerTags: readonly string[]): readonly string[] {
  return access.containerTags === null
    ? containerTags
    : containerTags.filter((tag) => access.containerTags?.includes(tag));
}

/**
 * The containers that a read goes over.
 * @param requested none: all that the key allows
 * @throws HttpError 403 when one of them is not the key's
 */
export function readableTags(
  access: Access,
  requested: readonly string[],
): readonly string[] | undefined {
  for (const tag of requested) needContainer(access, tag);
  if (requested.length > 0) return requested;
  return access.containerTags ?? undefined;
}

/** The scope of a read: the key's own limits narrow what was asked. */
export function readScope(
  access: Access,
  requested: readonly string[],
  filepath: string | undefined,
): Scope {
  const containerTags = readableTags(access, requested);
  const within = pathWithin(access, filepath);
  return {
    ...(containerTags === undefined ? {} : { containerTags }),
    ...(within === undefined ? {} : { filepath: within }),
  };
}

function pathWithin(access: Access, filepath: string | undefined): string | undefined {
  const prefix = access.pathPrefix;
  if (prefix === null) return filepath;
  // A directory above the key's own holds, for this key, only the key's own.
  if (filepath === undefined || (filepath.endsWith("/") && prefix.startsWith(filepath)))
    return prefix;
  if (!filepath.startsWith(prefix)) throw forbidden(`the key is limited to ${prefix}`);
  return filepath;
}

/** @throws HttpError 403 */
export function needContainer(access: Access, tag: string): void {
  if (access.containerTags !== null && !access.containerTags.includes(tag)) {
    throw forbidden(`the key does not reach the container ${tag}`);
  }
}

/** @throws HttpError 403 when a document may not be put there with this key */
export function needPlace(access: Access, place: Placed): void {
  for (const tag of place.containerTags) needContainer(access, tag);
  if (!isBelow(access, place.filepath))
    throw forbidden(`the key is limited to ${access.pathPrefix}`);
}

/** @throws HttpError 403 */
export function needWrite(access: Access): void {
  if (!access.canWrite) throw forbidden("the key can only read");
}

function isBelow(access: Access, filepath: string | null): boolean {
  return access.pathPrefix === null || (filepath?.startsWith(access.pathPrefix) ?? false);
}

/** 401, with what RFC 9110 §11.6.1 asks for. */
export function unauthorized(): HttpError {
  return new HttpError(401, "Unauthorized", {
    details: "Invalid or missing API key",
    headers: { "WWW-Authenticate": "Bearer" },
  });
}
