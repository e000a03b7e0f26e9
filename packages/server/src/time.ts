/** Times as they travel. These convert a given time; none reads a clock. */

/** `YYYY-MM-DDTHH:mm:ss.sssZ`: always three digits and Z, because clients compare these as strings. */
export function toIsoTime(ms: number): string {
  // biome-ignore lint/style/noRestrictedGlobals: converts a time that was given, reads no clock
  return new Date(ms).toISOString();
}

/** A time as HTTP headers have it (RFC 9110 §5.6.7). */
export function toHttpDate(ms: number): string {
  // biome-ignore lint/style/noRestrictedGlobals: converts a time that was given, reads no clock
  return new Date(ms).toUTCString();
}

/** Milliseconds of an HTTP date, or undefined when it is none. */
export function fromHttpDate(text: string): number | undefined {
  // biome-ignore lint/style/noRestrictedGlobals: converts a time that was given, reads no clock
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Milliseconds of a time in ISO 8601, or undefined when it is none. */
export function fromIsoTime(text: string): number | undefined {
  return /^\d{4}-\d{2}-\d{2}/.test(text) ? fromHttpDate(text) : undefined;
}
