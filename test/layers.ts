/** The import rules between packages, read from the table in docs/architecture.md. */

export interface LayerTable {
  /** Package name (without scope) to the packages it may import; `all` allows every one. */
  readonly mayImport: ReadonlyMap<string, ReadonlySet<string>>;
}

const packageRow = /^\|\s*`([a-z-]+)`\s*\|[^|]*\|([^|]*)\|/;

/** Reads the rows of the table `| package | responsibility | may import | runtime |`. */
export function readLayerTable(markdown: string): LayerTable {
  const rows = markdown.split("\n").flatMap((line) => {
    const match = packageRow.exec(line);
    return match === null ? [] : [{ name: match[1] ?? "", cell: match[2] ?? "" }];
  });
  const names = rows.map((row) => row.name);
  const mayImport = new Map<string, ReadonlySet<string>>();
  for (const { name, cell } of rows) {
    const listed: readonly string[] = cell.match(/[a-z][a-z-]*/g) ?? [];
    mayImport.set(name, new Set(listed.includes("all") ? names : listed));
  }
  return { mayImport };
}

const importOf = /(?:\bfrom|\bimport)\s*\(?\s*"@smfs\/([a-z-]+)(?:\/[^"]*)?"/g;
const relativeImport = /(?:\bfrom|\bimport)\s*\(?\s*"((?:\.\.\/)+[^"]*)"/g;

/**
 * Imports that the table does not allow, as sentences.
 * @param path of a file under `packages/<name>/src/`
 */
export function wrongImports(path: string, text: string, table: LayerTable): string[] {
  const layer = path.split("/")[1] ?? "";
  const allowed = table.mayImport.get(layer);
  if (allowed === undefined) return [`${path}: docs/architecture.md has no row for ${layer}`];
  const wrong: string[] = [];
  for (const [, target = ""] of text.matchAll(importOf)) {
    if (target !== layer && !allowed.has(target)) wrong.push(`${path} imports ${target}`);
  }
  const depth = path.split("/").length - 4;
  for (const [, target = ""] of text.matchAll(relativeImport)) {
    const ups = target.match(/\.\.\//g)?.length ?? 0;
    if (ups > depth) wrong.push(`${path} reaches out of its package: ${target}`);
  }
  return wrong;
}
