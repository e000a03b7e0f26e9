/**
 * The filter grammar of list and search: conditions on metadata, joined by AND and OR (http-api.md, filters).
 *
 * A condition on a missing key never matches, and matches when it is negated. Metadata equality compares string
 * forms: the number 2024 equals "2024", true equals "true", a list equals any of its items.
 */
import type { Metadata, MetadataValue } from "../storage/stored.ts";

/** Conditions in one filter, and levels of nesting. */
const conditionsMax = 200;
const nestingMax = 8;
/** UTF-16 units of a filter given as a JSON string: 200 conditions with generous values. */
const jsonLengthMax = 1_000_000;

const keyForm = /^[A-Za-z0-9_.-]{1,64}$/;

type FilterType = "metadata" | "numeric" | "array_contains" | "string_contains";
type NumericOperator = ">" | "<" | ">=" | "<=" | "=";

interface Condition {
  readonly kind: "condition";
  readonly key: string;
  readonly value: string;
  readonly filterType: FilterType;
  readonly numericOperator: NumericOperator;
  readonly negate: boolean;
  readonly ignoreCase: boolean;
}

/** A checked filter. */
export type Filter =
  | Condition
  | { readonly kind: "all" | "any"; readonly filters: readonly Filter[] };

/** A filter that does not follow the grammar; the message says where and why, fit to be shown. */
export class FilterError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FilterError";
  }
}

/**
 * Reads a filter as a request has it: an object or its JSON.
 * @throws FilterError
 */
export function parseFilter(input: unknown): Filter {
  const root = typeof input === "string" ? parseJson(input) : input;
  const budget = { conditions: conditionsMax };
  if (!isObject(root) || !("AND" in root || "OR" in root)) {
    throw new FilterError('filters: must be {"AND": [...]} or {"OR": [...]}');
  }
  return parseNode(root, "filters", 1, budget);
}

/** Whether metadata passes. */
export function matchesFilter(filter: Filter, metadata: Metadata | null): boolean {
  switch (filter.kind) {
    case "all":
      return filter.filters.every((inner) => matchesFilter(inner, metadata));
    case "any":
      return filter.filters.some((inner) => matchesFilter(inner, metadata));
    case "condition":
      return matchesCondition(filter, metadata);
  }
}

function parseJson(text: string): unknown {
  if (text.length > jsonLengthMax) throw new FilterError("filters: too long");
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new FilterError("filters: not valid JSON");
    throw error;
  }
}

function parseNode(
  node: unknown,
  at: string,
  level: number,
  budget: { conditions: number },
): Filter {
  if (!isObject(node)) throw new FilterError(`${at}: must be an object`);
  const isAll = "AND" in node;
  if (!isAll && !("OR" in node)) {
    budget.conditions -= 1;
    if (budget.conditions < 0) {
      throw new FilterError(`filters: more than ${conditionsMax} conditions`);
    }
    return parseCondition(node, at);
  }
  if (isAll && "OR" in node) throw new FilterError(`${at}: has both AND and OR`);
  if (level > nestingMax) throw new FilterError(`filters: nested deeper than ${nestingMax}`);
  const name = isAll ? "AND" : "OR";
  const items = node[name];
  if (!Array.isArray(items)) throw new FilterError(`${at}.${name}: must be a list`);
  return {
    kind: isAll ? "all" : "any",
    filters: items.map((item, i) => parseNode(item, `${at}.${name}[${i}]`, level + 1, budget)),
  };
}

function parseCondition(node: Readonly<Record<string, unknown>>, at: string): Condition {
  const { key, value, filterType = "metadata", numericOperator = "=" } = node;
  if (typeof key !== "string" || !keyForm.test(key)) {
    throw new FilterError(`${at}.key: must be 1 to 64 of A-Z a-z 0-9 _ . -`);
  }
  if (typeof value !== "string") throw new FilterError(`${at}.value: must be a string`);
  if (!isFilterType(filterType)) {
    throw new FilterError(
      `${at}.filterType: must be metadata, numeric, array_contains or string_contains`,
    );
  }
  if (!isNumericOperator(numericOperator)) {
    throw new FilterError(`${at}.numericOperator: must be one of > < >= <= =`);
  }
  if (filterType === "numeric" && !isNumber(value)) {
    throw new FilterError(`${at}.value: must be a number in a numeric condition`);
  }
  return {
    kind: "condition",
    key,
    value,
    filterType,
    numericOperator,
    negate: parseFlag(node.negate, `${at}.negate`),
    ignoreCase: parseFlag(node.ignoreCase, `${at}.ignoreCase`),
  };
}

function parseFlag(flag: unknown, at: string): boolean {
  if (flag === undefined || flag === null || flag === false || flag === "false") return false;
  if (flag === true || flag === "true") return true;
  throw new FilterError(`${at}: must be true or false`);
}

function matchesCondition(condition: Condition, metadata: Metadata | null): boolean {
  const value =
    metadata !== null && Object.hasOwn(metadata, condition.key)
      ? metadata[condition.key]
      : undefined;
  return (value !== undefined && holds(condition, value)) !== condition.negate;
}

function holds(condition: Condition, value: MetadataValue): boolean {
  const fold = (text: string): string => (condition.ignoreCase ? text.toLowerCase() : text);
  const wanted = fold(condition.value);
  switch (condition.filterType) {
    case "metadata":
      return itemsOf(value).some((item) => fold(String(item)) === wanted);
    case "array_contains":
      return typeof value === "object" && value.some((item) => fold(item) === wanted);
    case "string_contains":
      return itemsOf(value).some((item) => fold(String(item)).includes(wanted));
    case "numeric":
      return itemsOf(value).some((item) => compares(item, condition));
  }
}

function compares(item: string | number | boolean, condition: Condition): boolean {
  if (typeof item === "boolean" || !isNumber(String(item))) return false;
  const own = Number(item);
  const wanted = Number(condition.value);
  switch (condition.numericOperator) {
    case ">":
      return own > wanted;
    case "<":
      return own < wanted;
    case ">=":
      return own >= wanted;
    case "<=":
      return own <= wanted;
    case "=":
      return own === wanted;
  }
}

function itemsOf(value: MetadataValue): readonly (string | number | boolean)[] {
  return typeof value === "object" ? value : [value];
}

function isNumber(text: string): boolean {
  return text.trim() !== "" && Number.isFinite(Number(text));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isFilterType(value: unknown): value is FilterType {
  return ["metadata", "numeric", "array_contains", "string_contains"].includes(value as string);
}

function isNumericOperator(value: unknown): value is NumericOperator {
  return [">", "<", ">=", "<=", "="].includes(value as string);
}
