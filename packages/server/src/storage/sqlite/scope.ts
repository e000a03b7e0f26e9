/** A scope as SQL: which index is walked, and what narrows it. Each case names its index, so that no plan drifts. */
import type { Order, Scope } from "../storage.ts";

export interface ScopeQuery {
  readonly sql: string;
  readonly parameters: readonly (string | number)[];
}

/** The end of the range of byte strings that begin with `prefix`, which ends in `/`: `0` follows `/`. */
export function prefixEnd(prefix: string): string {
  return `${prefix.slice(0, -1)}0`;
}

/**
 * A query for one column `no`: the numbers of the documents in scope, ordered, after a position.
 * @param after a document number or a seq, as `order.by` says
 */
export function scopeQuery(scope: Scope, order: Order, after?: number, limit?: number): ScopeQuery {
  const tags = scope.containerTags === undefined ? undefined : [...new Set(scope.containerTags)];
  // Few are unfinished, whatever the container holds: they are looked at first.
  const isUnfinished = scope.unfinished === true;
  const single = tags?.length === 1 && !isUnfinished;
  const position =
    order.by === "createdAt" ? (single ? "t.document_no" : "d.no") : `${single ? "t" : "d"}.seq`;
  const where: string[] = [];
  const parameters: (string | number)[] = [];
  if (single) {
    where.push("t.tag_no = (SELECT no FROM tag WHERE tag = ?)");
    parameters.push(...tags);
    addPath(scope, "t", where, parameters);
  } else if (tags !== undefined) {
    const inside = [
      ...(isUnfinished ? ["m.document_no = d.no"] : []),
      `m.tag_no IN (SELECT no FROM tag WHERE tag IN (${tags.map(() => "?").join(", ")}))`,
    ];
    parameters.push(...tags);
    addPath(scope, "m", inside, parameters);
    const found = `SELECT m.document_no FROM document_tag m WHERE ${inside.join(" AND ")}`;
    where.push(isUnfinished ? `EXISTS (${found})` : `d.no IN (${found})`);
  } else {
    addPath(scope, "d", where, parameters);
  }
  if (scope.status !== undefined) {
    where.push("d.status = ?");
    parameters.push(scope.status);
  }
  if (isUnfinished) where.push("d.status NOT IN ('done', 'failed')");
  if (after !== undefined) {
    where.push(`${position} ${order.descending ? "<" : ">"} ?`);
    parameters.push(after);
  }
  const needsDocument = !single || scope.status !== undefined;
  const from = single
    ? `document_tag t INDEXED BY ${tagIndex(scope, order)}${needsDocument ? " CROSS JOIN document d ON d.no = t.document_no" : ""}`
    : `document d${isUnfinished ? " INDEXED BY document_unfinished" : ""}`;
  if (limit !== undefined) parameters.push(limit);
  const sql = `SELECT ${single ? "t.document_no" : "d.no"} AS no FROM ${from}${
    where.length === 0 ? "" : ` WHERE ${where.join(" AND ")}`
  } ORDER BY ${position} ${order.descending ? "DESC" : "ASC"}${limit === undefined ? "" : " LIMIT ? + 0"}`;
  return { sql, parameters };
}

function tagIndex(scope: Scope, order: Order): string {
  if (scope.filepath !== undefined && scope.filepath !== "/") return "document_tag_path";
  return order.by === "updatedAt" ? "document_tag_seq" : "sqlite_autoindex_document_tag_1";
}

function addPath(
  scope: Scope,
  alias: string,
  where: string[],
  parameters: (string | number)[],
): void {
  const path = scope.filepath;
  if (path === undefined) return;
  if (path === "/") {
    where.push(`${alias}.filepath IS NOT NULL`);
  } else if (path.endsWith("/")) {
    where.push(`${alias}.filepath >= ? AND ${alias}.filepath < ?`);
    parameters.push(path, prefixEnd(path));
  } else {
    where.push(`${alias}.filepath = ?`);
    parameters.push(path);
  }
}
