/**
 * Tells the kernel what to forget, from any thread but the loop's.
 *
 * A notification blocks in the kernel until it has a directory's lock or a page, and their holder may wait for a
 * request that only the loop can answer. So one is written at a time, on a thread of Node's pool, and nothing
 * that the kernel waits for waits for it.
 */
import { assert, type Invalidation, type Logger } from "@smfs/core";
import { writeDescriptorAsync } from "@smfs/native";
import { notificationsMax } from "./limits.ts";
import { toNotification } from "./notification.ts";

const ENOENT = 2;
const EBUSY = 16;
const ENODEV = 19;
const ENOTEMPTY = 39;
const EBADF = 9;

export interface NotifierOptions {
  /** The mounted device: threads of a process share descriptors. */
  readonly deviceFd: number;
  readonly logger: Logger;
  /** Writes a message; resolves to bytes written or the negative errno. The device's own unless told. */
  readonly write?: (message: Uint8Array) => Promise<number>;
}

export class Notifier {
  readonly #write: (message: Uint8Array) => Promise<number>;
  readonly #logger: Logger;
  #waiting = 0;
  #tail: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(options: NotifierOptions) {
    this.#write = options.write ?? ((message) => writeDescriptorAsync(options.deviceFd, message));
    this.#logger = options.logger;
  }

  /** Messages that are not written yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Resolves when the kernel has forgotten all of these, in this order, after what was sent before. Never
   * rejects. A few need not be awaited; who sends many awaits each batch, and so keeps the queue within
   * `notificationsMax`.
   */
  send(invalidations: readonly Invalidation[]): Promise<void> {
    const messages = withDirectories(invalidations);
    this.#waiting += messages.length;
    assert(this.#waiting <= notificationsMax, "who sends many invalidations awaits them");
    this.#tail = this.#tail.then(() => this.#sendAll(messages));
    return this.#tail;
  }

  /** The mount has gone: what waits is dropped. */
  end(): void {
    this.#ended = true;
  }

  async #sendAll(messages: readonly Invalidation[]): Promise<void> {
    for (const message of messages) {
      if (!this.#ended) await this.#sendOne(message);
      this.#waiting -= 1;
    }
  }

  async #sendOne(invalidation: Invalidation): Promise<void> {
    const errno = -(await this.#write(toNotification(invalidation)));
    // ENOENT: the kernel does not know it, so there is nothing to forget.
    if (errno <= 0 || errno === ENOENT) return;
    if (errno === ENODEV || errno === EBADF) {
      this.#ended = true;
      return;
    }
    // A directory that is in use, or that the kernel believes full, cannot be deleted under it: its name can.
    if (invalidation.kind === "delete" && (errno === EBUSY || errno === ENOTEMPTY)) {
      const { parent, name } = invalidation;
      return this.#sendOne({ kind: "entry", parent, name });
    }
    this.#logger.log("warn", "the kernel refused an invalidation", {
      kind: invalidation.kind,
      errno,
    });
  }
}

/**
 * The kernel drops the listing of a directory only when it knows the name that changed; so for each name, its
 * directory is invalidated too, once.
 */
function withDirectories(invalidations: readonly Invalidation[]): Invalidation[] {
  const directories = new Set<number>();
  for (const invalidation of invalidations) {
    if (invalidation.kind !== "inode") directories.add(invalidation.parent);
  }
  return [
    ...invalidations,
    ...[...directories].map((ino): Invalidation => ({ kind: "inode", ino })),
  ];
}
