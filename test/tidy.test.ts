// Rules of the workspace that no linter of ours knows. Each names the files that break it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readLayerTable, wrongImports } from "./layers.ts";
import { places, root, type SourceFile, workspaceFiles } from "./workspace-files.ts";

const source = workspaceFiles(/^packages\/[^/]+\/src\/.*\.ts$/);
const product = source.filter(
  ({ path }) =>
    !path.endsWith(".test.ts") && !path.endsWith(".bench.ts") && !path.includes("/testing/"),
);
const linesMax = 500;

function breaking(files: readonly SourceFile[], pattern: RegExp, except: RegExp): string[] {
  return files.filter(({ path }) => !except.test(path)).flatMap((file) => places(file, pattern));
}

test("[TIDY-1] packages import only what docs/architecture.md lets them", () => {
  const table = readLayerTable(readFileSync(join(root, "docs/architecture.md"), "utf8"));
  const packages = new Set(source.map(({ path }) => path.split("/")[1] ?? ""));
  expect([...packages].filter((name) => !table.mayImport.has(name))).toEqual([]);
  const files = source.filter(({ path }) => !path.endsWith(".test.ts"));
  expect(files.flatMap(({ path, text }) => wrongImports(path, text, table))).toEqual([]);
});

test("[TIDY-2] only the command line's config reads environment variables", () => {
  expect(
    breaking(
      product,
      /\bprocess\.env\b|\benv\s*\}?\s*=\s*process\b/g,
      /^packages\/cli\/src\/config\.ts$/,
    ),
  ).toEqual([]);
});

test("[TIDY-3] koffi is imported by native/src/libc.ts alone, better-sqlite3 by the two databases", () => {
  expect(breaking(product, /from "koffi"/g, /^packages\/native\/src\/libc\.ts$/)).toEqual([]);
  const databases = /^packages\/(store\/src|server\/src\/storage\/sqlite)\/database\.ts$/;
  expect(breaking(product, /from "better-sqlite3"/g, databases)).toEqual([]);
});

test("[TIDY-4] packages that run anywhere do not import Node", () => {
  const anywhere = product.filter(({ path }) => /^packages\/(core|api|bash)\//.test(path));
  expect(breaking(anywhere, /from "node:[^"]*"/g, /^$/)).toEqual([]);
});

test("[TIDY-5] no file is longer than 500 lines, and no unfinished work is left in one", () => {
  const all = workspaceFiles(/^(packages|test|tools|bench|\.ci)\/.*(\.ts|\.mjs|\.js|\.sql|\/run)$/);
  const long = all.filter(({ text }) => text.split("\n").length - 1 > linesMax);
  expect(long.map(({ path }) => path)).toEqual([]);
  const marks = new RegExp(
    `\\b(${["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"].join("|")})\\b`,
    "g",
  );
  expect(breaking(all, marks, /^$/)).toEqual([]);
});

test("[TIDY-6] no test is skipped, left for later or run alone", () => {
  const tests = workspaceFiles(/\.test\.ts$/);
  const set = /\b(?:test|it|describe)\.(?:skip|only|todo|fails)\b(?!If)/g;
  expect(breaking(tests, set, /^$/)).toEqual([]);
});

test("[TIDY-7] a package's index only re-exports", () => {
  const indexes = source.filter(({ path }) => /^packages\/[^/]+\/src\/index\.ts$/.test(path));
  const wrong = indexes.flatMap(({ path, text }) =>
    text
      .replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, "")
      .split(";")
      .map((statement) => statement.trim())
      .filter(
        (s) =>
          s !== "" &&
          !/^export (type )?(\*|\{[^}]*\})( as \w+)? from "/.test(s) &&
          s !== "export {}",
      )
      .map((s) => `${path}: ${s}`),
  );
  expect(wrong).toEqual([]);
});

test("[TIDY-8] every package has a README and is a workspace with a project reference", () => {
  const names = new Set(source.map(({ path }) => path.split("/")[1] ?? ""));
  const listed = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    workspaces: string[];
  };
  const references = JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8")) as {
    references: { path: string }[];
  };
  const wrong: string[] = [];
  for (const name of names) {
    const path = `packages/${name}`;
    if (workspaceFiles(new RegExp(`^${path}/README\\.md$`)).length === 0)
      wrong.push(`${path} has no README.md`);
    if (!listed.workspaces.includes(path)) wrong.push(`${path} is not in workspaces`);
    if (!references.references.some((r) => r.path === path))
      wrong.push(`${path} is not in tsconfig.json`);
  }
  expect(wrong).toEqual([]);
});

test("[TIDY-9] a transaction is begun by the databases' own wrapper alone", () => {
  const databases =
    /^packages\/(store\/src\/(database|commits)|server\/src\/storage\/sqlite\/(database|unit-queue))\.ts$/;
  expect(
    breaking(product, /\bsql\.transaction\(|"(?:BEGIN|COMMIT|ROLLBACK)\b[^"]*"/g, databases),
  ).toEqual([]);
});

test("[TIDY-10] what is written down is of the project: no home directories, no registry hosts", () => {
  const all = workspaceFiles(/\.(ts|mjs|js|json|md|sql)$|^\.ci\/run$|^\.npmrc$/).filter(
    ({ path }) => path !== "package-lock.json" && !path.includes("/assets/"),
  );
  expect(breaking(all, /\/(?:home|Users)\/[a-z]+\/[A-Za-z]+/g, /^test\/tidy\.test\.ts$/)).toEqual(
    [],
  );
  const lock = workspaceFiles(/^package-lock\.json$/);
  expect(breaking(lock, /"resolved": "http[^"]*"/g, /^$/)).toEqual([]);
});
