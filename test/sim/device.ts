/** A device under test, as the simulator sees it: the product, or the naive client that proves the oracle can see. */

import type { Ticket } from "@smfs/core";

/** Where conflict versions are. */
export const conflictsDir = "/.conflicts/";

/** One name in a device's tree. */
export interface EntryState {
  readonly path: string;
  readonly kind: "file" | "dir" | "symlink";
  /** SHA-256 of a file's bytes (also of those that are not here) or of a symlink's target. */
  readonly digest: string | undefined;
  /** Whether the bytes are here. */
  readonly isHere: boolean;
  readonly docId: string | null;
  /** The file on this device, whatever the server calls it, and through all of its documents. */
  readonly file: number;
  /** What its names on this device share: its bytes and permissions. */
  readonly ino: number;
  /** Why it need not be equal to the server: a reason that the user can see. */
  readonly excused: string | undefined;
  /** Shown under another name because its path was taken. */
  readonly isAlias: boolean;
  /** The server shows other bytes than those it was sent. */
  readonly isDiverged: boolean;
  /** Its document has been seen here as it is when its processing is over. */
  readonly wasSeenDone: boolean;
  /** Permission bits. */
  readonly mode: number;
}

/** A version of which its device does not know that the server holds it. */
export interface Unconfirmed {
  /** The file that its stamp names. */
  readonly fid: string;
  readonly docId: string | null;
  readonly digest: string;
}

/** Something that was taken for deleted elsewhere. */
export interface Vanished {
  readonly docId: string | null;
  /** Digest of its bytes in the trash; null when they were not here. */
  readonly digest: string | null;
}

/** What the oracle looks at. */
export interface DeviceView {
  /** Moves whenever anything below may have moved. */
  stamp(): number;
  /** Live names, without the root. */
  entries(): readonly EntryState[];
  /** Digests of what is kept besides: trash and snapshots of attempts. */
  kept(): readonly string[];
  /** Digests in the trash: kept with a cause that the user can see. */
  trashed(): readonly string[];
  /** What went to the trash because it was taken for deleted elsewhere; the same array while there is nothing new. */
  vanished(): readonly Vanished[];
  bytes(digest: string): Uint8Array | undefined;
  /** What is being sent and not confirmed, or was seen in processing only. */
  unconfirmed(): readonly Unconfirmed[];
  /** Why the device is not at rest; empty when it is. */
  unrest(): readonly string[];
  /** Broken invariants of the store's own structure. */
  damage(): readonly string[];
  /** How far attempts in progress are (claimed, sent, accepted): for coverage. */
  phases(): readonly string[];
}

interface OpenMode {
  readonly create?: boolean;
  readonly truncate?: boolean;
  readonly append?: boolean;
  readonly readOnly?: boolean;
}

/** The user at the device: system calls, by path. Every method throws `FsError` as the call would fail. */
export interface Desk {
  open(path: string, mode: OpenMode): number;
  write(handle: number, bytes: Uint8Array, offset: number): void;
  /** What an open file holds now, and whether it still has a name. */
  look(handle: number): { readonly bytes: Uint8Array; readonly isNamed: boolean };
  close(handle: number): void;
  fsync(handle: number): void;
  truncate(path: string, size: number): void;
  rename(from: string, to: string): void;
  exchange(a: string, b: string): void;
  unlink(path: string): void;
  mkdir(path: string): void;
  rmdir(path: string): void;
  link(from: string, to: string): void;
  symlink(path: string, target: string): void;
  chmod(path: string, mode: number): void;
  /** Maps an open file for writing: what is stored through it is seen by nobody, also after the close. */
  map(handle: number): number;
  lookMapped(mapping: number): { readonly bytes: Uint8Array; readonly isNamed: boolean };
  store(mapping: number, bytes: Uint8Array, offset: number): void;
  unmap(mapping: number): void;
}

export interface Device {
  readonly name: string;
  /** Undefined while the process is down. */
  readonly desk: Desk | undefined;
  readonly view: DeviceView;
  readonly isUp: boolean;
  /** Why the running process does not do its work, or undefined. Asked after each event. */
  trouble(): string | undefined;
  /** Starts the process on what is on the disk. */
  start(): void;
  /** The process dies where it stands. */
  kill(): void;
  /** Its user confirms deletions that are held because they are many at once, if there are any. */
  confirmDeletes?(): void;
  /** Runs `again` when what a parked call waited for has come, with the ticket to resume it by. */
  whenReady(ticket: Ticket, again: () => void): void;
  /** Moves with whatever changes on its disk. */
  diskStamp?(): number;
  /** The run is over: nobody looks at it any more. */
  end?(): void;
  /** A second process is started while the first one runs; one of them must give way. */
  startTwice(): void;
}
