/** Where a reader of the change feed stands: an opaque token of the database's life and a seq. Pure. */

export interface ChangeCursor {
  readonly epoch: string;
  readonly seq: number;
}

export function formatCursor({ epoch, seq }: ChangeCursor): string {
  return Buffer.from(`${epoch}:${seq}`).toString("base64url");
}

/** The cursor in a token, or undefined when it is none. */
export function parseCursor(token: string): ChangeCursor | undefined {
  const match = /^([0-9a-f]{1,32}):(\d{1,15})$/.exec(
    Buffer.from(token, "base64url").toString("latin1"),
  );
  if (match === null) return undefined;
  const [, epoch = "", seq = ""] = match;
  return { epoch, seq: Number(seq) };
}
