/** Lists: filters, sorting and paging by number, with everything that goes wrong in paging by number. */
import type { Random } from "@smfs/core";
import { type Doc, isTerminal } from "./document.ts";
import { Refusal } from "./message.ts";
import type { Quirks } from "./quirks.ts";
import type { DocumentTable } from "./table.ts";

export interface ListQuery {
  readonly tags: readonly string[] | undefined;
  readonly filepath: string | undefined;
  readonly filters: unknown;
  readonly status: string | undefined;
  readonly sort: "createdAt" | "updatedAt";
  readonly order: "asc" | "desc";
  readonly page: number;
  readonly limit: number;
}

export interface ListPage {
  readonly docs: readonly Doc[];
  readonly totalItems: number;
  readonly totalPages: number;
}

interface Pin {
  readonly ids: readonly string[];
  readonly until: number;
}

const pinMs = 60_000;

export class Listing {
  readonly #quirksNow: () => Quirks;
  readonly #random: Random;
  readonly #table: DocumentTable;
  readonly #pins = new Map<string, Pin>();

  constructor(quirks: () => Quirks, random: Random, table: DocumentTable) {
    this.#quirksNow = quirks;
    this.#random = random;
    this.#table = table;
  }

  /** One page at monotonic time `now`. */
  page(query: ListQuery, now: number): ListPage {
    const quirks = this.#quirksNow().list;
    if (this.#happens(quirks.errorShare)) throw new Refusal(503, "Service Unavailable");
    const stale = this.#happens(quirks.staleShare);
    const at = stale ? now - Math.floor(this.#random.next() * quirks.staleMs) : undefined;
    const all = quirks.pinned ? this.#pinned(query, now) : this.#select(query, at);
    const from = (query.page - 1) * query.limit;
    let docs = all.slice(from, from + query.limit).filter((doc) => doc !== undefined);
    let totalItems = all.length;
    if (this.#happens(quirks.emptyShare)) docs = [];
    if (this.#happens(quirks.shortShare))
      docs = docs.slice(0, Math.floor(this.#random.next() * docs.length));
    if (this.#happens(quirks.wrongTotalShare))
      totalItems = Math.max(0, totalItems + (this.#random.next() < 0.5 ? -1 : 1));
    return { docs, totalItems, totalPages: Math.ceil(totalItems / query.limit) };
  }

  #happens(share: number): boolean {
    return share > 0 && this.#random.next() < share;
  }

  /** The documents of a query in order, from the present state or a former one. */
  #select(query: ListQuery, at?: number): Doc[] {
    const matches = compileFilters(query.filters);
    const found: Doc[] = [];
    for (const doc of at === undefined ? this.#table.all() : this.#table.allAt(at)) {
      if (query.tags !== undefined && !doc.tags.some((tag) => query.tags?.includes(tag))) continue;
      if (!pathMatches(doc.filepath, query.filepath)) continue;
      if (query.status !== undefined && doc.status !== query.status) continue;
      if (matches(doc)) found.push(doc);
    }
    const sign = query.order === "asc" ? 1 : -1;
    const by = query.sort;
    return found.sort((a, b) => sign * (a[by] - b[by] || (a.id < b.id ? -1 : 1)));
  }

  /** Page 1 fixes the ids of the query for a minute; what is deleted meanwhile leaves a hole. */
  #pinned(query: ListQuery, now: number): (Doc | undefined)[] {
    const key = JSON.stringify({ ...query, page: 0 });
    for (const [old, { until }] of this.#pins) if (until < now) this.#pins.delete(old);
    let pin = this.#pins.get(key);
    if (query.page === 1 || pin === undefined) {
      pin = { ids: this.#select(query).map((doc) => doc.id), until: now + pinMs };
      this.#pins.set(key, pin);
    }
    return pin.ids.map((id) => this.#table.get(id));
  }
}

/** Documents that are not done and not failed. */
export function* processingDocs(table: DocumentTable, tag: string | undefined): Iterable<Doc> {
  for (const doc of table.all())
    if (!isTerminal(doc.status) && (tag === undefined || doc.tags.includes(tag))) yield doc;
}

/** `/a/` is a prefix, everything else is exact; documents without a path match no path. */
export function pathMatches(filepath: string | null, filter: string | undefined): boolean {
  if (filter === undefined) return true;
  if (filepath === null) return false;
  return filter.endsWith("/") ? filepath.startsWith(filter) : filepath === filter;
}

interface Condition {
  readonly key?: unknown;
  readonly value?: unknown;
  readonly filterType?: unknown;
  readonly negate?: unknown;
  readonly AND?: unknown;
  readonly OR?: unknown;
}

/** The filter grammar as far as clients of files use it: AND, OR, equality, string_contains, negate. */
function compileFilters(filters: unknown): (doc: Doc) => boolean {
  if (filters === undefined || filters === null) return () => true;
  const tree: unknown = typeof filters === "string" ? JSON.parse(filters) : filters;
  return (doc) => holds(doc, tree as Condition);
}

function holds(doc: Doc, node: Condition): boolean {
  if (Array.isArray(node.AND)) return node.AND.every((one) => holds(doc, one as Condition));
  if (Array.isArray(node.OR)) return node.OR.some((one) => holds(doc, one as Condition));
  if (typeof node.key !== "string" || typeof node.value !== "string")
    throw new Refusal(400, "Invalid request parameters", "filters: key and value are strings");
  const found = doc.metadata?.[node.key];
  const values = (Array.isArray(found) ? found : [found]) as unknown[];
  const wanted = node.value;
  const match =
    found !== undefined &&
    values.some((value) =>
      node.filterType === "string_contains"
        ? String(value).includes(wanted)
        : String(value) === wanted,
    );
  return node.negate === true || node.negate === "true" ? !match : match;
}
