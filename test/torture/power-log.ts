/** Reads the log that recorder.c and actor.c write together (record.h). */
export type LogRecord =
  /** A call of the program, by its index in the script, was acknowledged. */
  | { readonly kind: "mark"; readonly call: number }
  | { readonly kind: "create"; readonly inode: number; readonly path: string }
  | {
      readonly kind: "write";
      readonly inode: number;
      readonly offset: number;
      readonly bytes: Buffer;
    }
  | { readonly kind: "truncate"; readonly inode: number; readonly size: number }
  | { readonly kind: "sync"; readonly inode: number }
  | { readonly kind: "rename"; readonly from: string; readonly to: string }
  | { readonly kind: "unlink"; readonly path: string }
  | { readonly kind: "sync-names"; readonly path: string }
  | {
      readonly kind: "allocate";
      readonly inode: number;
      readonly mode: number;
      readonly offset: number;
      readonly length: number;
    };

const headerBytes = 24;

/** @throws Error when the log breaks off within a record, or has one of another kind */
export function readLog(log: Buffer): LogRecord[] {
  const records: LogRecord[] = [];
  for (let at = 0; at < log.length; ) {
    const length = log.readUInt32LE(at + 4);
    const bytes = log.subarray(at + headerBytes, at + headerBytes + length);
    if (bytes.length < length) throw new Error(`the log breaks off at ${at}`);
    const a = Number(log.readBigInt64LE(at + 8));
    const b = Number(log.readBigInt64LE(at + 16));
    records.push(toRecord(log.readUInt32LE(at), a, b, bytes));
    at += headerBytes + length;
  }
  return records;
}

function toRecord(kind: number, a: number, b: number, bytes: Buffer): LogRecord {
  const text = bytes.toString("utf8");
  switch (kind) {
    case 1:
      return { kind: "mark", call: a };
    case 2:
      return { kind: "create", inode: a, path: text };
    case 3:
      return { kind: "write", inode: a, offset: b, bytes };
    case 4:
      return { kind: "truncate", inode: a, size: b };
    case 5:
      return { kind: "sync", inode: a };
    case 6: {
      const [from = "", to = ""] = text.split("\0");
      return { kind: "rename", from, to };
    }
    case 7:
      return { kind: "unlink", path: text };
    case 8:
      return { kind: "sync-names", path: text };
    case 9: {
      const offset = Number(bytes.readBigInt64LE(0));
      return {
        kind: "allocate",
        inode: a,
        mode: b,
        offset,
        length: Number(bytes.readBigInt64LE(8)),
      };
    }
    default:
      throw new Error(`the log has a record of kind ${kind}`);
  }
}
