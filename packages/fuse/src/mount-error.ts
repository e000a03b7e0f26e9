/** A mount or unmount that did not work, for people: what failed, on which thing, and what to do. */
export class MountError extends Error {
  /** What the user can do about it; one sentence. */
  readonly hint: string;

  constructor(message: string, options: { readonly hint: string; readonly cause?: unknown }) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "MountError";
    this.hint = options.hint;
  }
}
