/** Why a storage takes no unit at the moment. */

/** More is waiting to be written than the disk takes: the same request may be sent again later. */
export class OverloadedError extends Error {
  constructor(waiting: number) {
    super(`${waiting} writes are waiting`);
    this.name = "OverloadedError";
  }
}

/** The storage is closed, or failed in a way that only opening it again can settle. */
export class StorageClosedError extends Error {
  constructor(reason: string) {
    super(`the storage is closed: ${reason}`);
    this.name = "StorageClosedError";
  }
}

/** There is no room for what was to be written; nothing of it is there. It goes on when there is room. */
export class StorageFullError extends Error {
  constructor() {
    super("the disk is full");
    this.name = "StorageFullError";
  }
}
