/** What the file system says of an inode, of a directory's content and of itself. */

/** Attributes of an inode, as stat(2) shows them. Times are seconds since 1970 and nanoseconds 0…999,999,999. */
export interface Attr {
  readonly ino: number;
  /** Type and permission bits (`S_IF*` of mode.ts). */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  /** Bytes. */
  readonly size: number;
  /** Units of 512 bytes. */
  readonly blocks: number;
  readonly atimeS: number;
  readonly atimeNs: number;
  readonly mtimeS: number;
  readonly mtimeNs: number;
  readonly ctimeS: number;
  readonly ctimeNs: number;
  /** When it was made, in microseconds since 1970; undefined when that is not known. */
  readonly birthUs?: number | undefined;
  /**
   * Whether the kernel may keep these attributes: false while bytes can change without a message to us, that
   * is while somebody may write through a passthrough descriptor or a mapping.
   */
  readonly stable: boolean;
  /** The name may come to mean something else with no message: the kernel asks each time. For what is generated. */
  readonly transient?: boolean;
}

/** A time to set: a moment, or the moment of the call. */
export type SetTime = { readonly s: number; readonly ns: number } | "now";

/** Attributes to change; what is absent stays. */
export interface SetAttr {
  /** Permission bits only (07777); the type never changes. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Bytes; truncates or extends with a hole. */
  readonly size?: number;
  readonly atime?: SetTime;
  readonly mtime?: SetTime;
  /** Clear set-user-id, and set-group-id of a group-executable file, as the kernel asked (FATTR_KILL_SUIDGID). */
  readonly killSuidGid?: boolean;
}

/** One name in a directory. `name` is a byte string (path.ts). */
export interface DirEntry {
  readonly name: string;
  readonly ino: number;
  /** Type bits of the mode (`S_IFMT`). */
  readonly type: number;
  /** Position after this entry: give it to `readdir` to go on from there. Stable while the stream is open. */
  readonly cookie: number;
}

/** statfs(2): sizes of the disk under the store. */
export interface StatFs {
  readonly blockBytes: number;
  readonly blocks: number;
  readonly blocksFree: number;
  readonly blocksAvailable: number;
  readonly files: number;
  readonly filesFree: number;
  readonly nameBytesMax: number;
}
