/** Conditional requests (RFC 9110 §13): pure, so that the same rules hold inside the write's own transaction. */
import { fromHttpDate } from "../time.ts";

/** What a request says must be true. `any` is `*`. */
export interface Conditions {
  readonly ifMatch?: ETagList;
  readonly ifNoneMatch?: ETagList;
  /** Milliseconds. */
  readonly ifUnmodifiedSince?: number;
  readonly ifModifiedSince?: number;
}

export type ETagList = "any" | readonly ETag[];

interface ETag {
  readonly weak: boolean;
  /** Between the quotes. */
  readonly opaque: string;
}

/** A state that conditions are held against. */
export interface Validators {
  /** The forms by which this state may be named: `r<rev>` and `sha256-…`. */
  readonly etags: readonly string[];
  readonly modifiedAt: number;
}

/** Entity tags in one header: more is no request of a client of ours. */
const etagsMax = 100;

/**
 * Reads an `If-Match` or `If-None-Match` header.
 * @throws RangeError when it is not a list of entity tags
 */
export function parseETags(header: string): ETagList {
  if (header.trim() === "*") return "any";
  const tags: ETag[] = [];
  let rest = header;
  const one = /^[\s,]*(W\/)?"([\x21\x23-\x7e\x80-\uffff]*)"\s*(?:,|$)/;
  while (rest.trim() !== "") {
    const match = one.exec(rest);
    if (match === null || tags.length === etagsMax)
      throw new RangeError("not a list of entity tags");
    tags.push({ weak: match[1] !== undefined, opaque: match[2] ?? "" });
    rest = rest.slice(match[0].length);
  }
  if (tags.length === 0) throw new RangeError("not a list of entity tags");
  return tags;
}

/**
 * The conditions in a request's headers.
 * @throws RangeError with a sentence when one cannot be read: a condition that is not understood must not be ignored
 */
export function parseConditions(header: (name: string) => string | undefined): Conditions {
  const tags = (name: string): ETagList | undefined => {
    const value = header(name);
    if (value === undefined) return undefined;
    try {
      return parseETags(value);
    } catch (error) {
      if (error instanceof RangeError) throw new RangeError(`${name}: ${error.message}`);
      throw error;
    }
  };
  // A date that cannot be read is ignored, as RFC 9110 §13.1.3 and §13.1.4 ask.
  const date = (name: string): number | undefined => {
    const value = header(name);
    return value === undefined ? undefined : fromHttpDate(value);
  };
  const ifMatch = tags("if-match");
  const ifNoneMatch = tags("if-none-match");
  const ifUnmodifiedSince = ifMatch === undefined ? date("if-unmodified-since") : undefined;
  const ifModifiedSince = ifNoneMatch === undefined ? date("if-modified-since") : undefined;
  return {
    ...(ifMatch === undefined ? {} : { ifMatch }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
    ...(ifUnmodifiedSince === undefined ? {} : { ifUnmodifiedSince }),
    ...(ifModifiedSince === undefined ? {} : { ifModifiedSince }),
  };
}

/** Whether a write may go on. `state` is undefined when there is no such resource. */
export function allowsWrite(conditions: Conditions, state: Validators | undefined): boolean {
  return holdsForChange(conditions, state) && !matchesNone(conditions.ifNoneMatch, state);
}

/** What a read answers: all of it, that nothing changed, or that the precondition failed. */
export function readOutcome(
  conditions: Conditions,
  state: Validators,
): "full" | "not-modified" | "failed" {
  if (!holdsForChange(conditions, state)) return "failed";
  if (conditions.ifNoneMatch !== undefined) {
    return matchesNone(conditions.ifNoneMatch, state) ? "not-modified" : "full";
  }
  const since = conditions.ifModifiedSince;
  return since !== undefined && wholeSeconds(state.modifiedAt) <= since ? "not-modified" : "full";
}

function holdsForChange(conditions: Conditions, state: Validators | undefined): boolean {
  if (conditions.ifMatch !== undefined) {
    if (state === undefined) return false;
    if (conditions.ifMatch === "any") return true;
    // Strong comparison: a weak tag matches nothing.
    return conditions.ifMatch.some((tag) => !tag.weak && state.etags.includes(tag.opaque));
  }
  const since = conditions.ifUnmodifiedSince;
  return since === undefined || state === undefined || wholeSeconds(state.modifiedAt) <= since;
}

function matchesNone(list: ETagList | undefined, state: Validators | undefined): boolean {
  if (list === undefined || state === undefined) return false;
  return list === "any" || list.some((tag) => state.etags.includes(tag.opaque));
}

// HTTP dates have no fractions: a state is as old as the second in which it began.
function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
