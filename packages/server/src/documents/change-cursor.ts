/** Where a reader of the change feed stands: an opaque token of the database's life and a seq. Pure. */

export interface ChangeCursor {
  readonly epoch: string;
  readonly seq: number;
  /** Of a reader of statuses: the life of the server that counts them, and how far it has seen (status-events.ts). */
  readonly status?: { readonly life: string; readonly position: number };
}

export function formatCursor({ epoch, seq, status }: ChangeCursor): string {
  const steps = status === undefined ? "" : `:${status.life}:${status.position}`;
  return Buffer.from(`${epoch}:${seq}${steps}`).toString("base64url");
}

/** The cursor in a token, or undefined when it is none. */
export function parseCursor(token: string): ChangeCursor | undefined {
  const match = /^([0-9a-f]{1,32}):(\d{1,15})(?::([0-9a-f]{1,32}):(\d{1,15}))?$/.exec(
    Buffer.from(token, "base64url").toString("latin1"),
  );
  if (match === null) return undefined;
  const [, epoch = "", seq = "", life, position] = match;
  return {
    epoch,
    seq: Number(seq),
    ...(life === undefined ? {} : { status: { life, position: Number(position) } }),
  };
}
