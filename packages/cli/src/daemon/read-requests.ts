/** Counts the fetches that reading has caused: one for each file whose bytes somebody waits for, however many wait. */
import type { StorePort } from "@smfs/store";

export class ReadRequests {
  readonly #waitedFor = new Set<number>();
  #count = 0;
  /** The port to give to the sync engine: it shows when a wait has ended. */
  readonly port: StorePort;

  constructor(port: StorePort) {
    port.listen((event) => {
      if (event.kind !== "want" || this.#waitedFor.has(event.ino)) return;
      this.#waitedFor.add(event.ino);
      this.#count += 1;
    });
    this.port = {
      ...port,
      hydrated: (ino, blob) => {
        this.#waitedFor.delete(ino);
        return port.hydrated(ino, blob);
      },
      hydrateFailed: (ino, code) => {
        this.#waitedFor.delete(ino);
        return port.hydrateFailed(ino, code);
      },
    };
  }

  get count(): number {
    return this.#count;
  }
}
