/**
 * Builds the product with patches: one file that holds the simulator and the product, with the named snippets
 * replaced. Nothing in the product knows of it, and a snippet that is not found exactly once is an error.
 */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";
import { root } from "../../workspace-files.ts";
import type { Patch } from "./mutant.ts";
import type { Variant } from "./variant.ts";

/** Bundles are written here: from below the root their imports of native packages resolve. */
const folder = join(root, "node_modules/.cache/smfs-mutants");

/** Source with all `patches` of its file applied. @throws Error when a snippet is not there exactly once */
export function applyPatches(text: string, patches: readonly Patch[]): string {
  let patched = text;
  for (const { file, find, replace } of patches) {
    const count = patched.split(find).length - 1;
    if (count !== 1)
      throw new Error(`${file}: the snippet is there ${count} times, not once:\n${find}`);
    patched = patched.replace(find, () => replace);
  }
  return patched;
}

/** Replaces snippets, and keeps `import.meta.url` what it is in the source: files are read relative to it. */
function patching(patches: readonly Patch[]): Plugin {
  const byFile = new Map<string, Patch[]>();
  for (const one of patches) {
    const path = join(root, one.file);
    byFile.set(path, [...(byFile.get(path) ?? []), one]);
  }
  return {
    name: "patching",
    setup: (setup) => {
      setup.onLoad({ filter: /\/packages\/[^/]+\/src\/.*\.ts$/ }, ({ path }) => {
        const text = readFileSync(path, "utf8");
        const patched = applyPatches(text, byFile.get(path) ?? []);
        byFile.delete(path);
        const contents = patched.replaceAll(
          "import.meta.url",
          JSON.stringify(pathToFileURL(path).href),
        );
        return { contents, loader: "ts" };
      });
      setup.onEnd(() => {
        for (const path of byFile.keys()) throw new Error(`${path} is no part of the product`);
      });
    },
  };
}

let builtCount = 0;

/** The simulator with the patched product in it, ready to run seeds. */
export async function buildVariant(patches: readonly Patch[]): Promise<Variant> {
  mkdirSync(folder, { recursive: true });
  builtCount += 1;
  const file = join(folder, `${process.pid}-${builtCount}.mjs`);
  await build({
    entryPoints: [join(import.meta.dirname, "variant.ts")],
    outfile: file,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    conditions: ["source"],
    external: ["better-sqlite3", "koffi"],
    plugins: [patching(patches)],
    logLevel: "silent",
    banner: {
      js: 'import { createRequire as smfsRequire } from "node:module"; const require = smfsRequire(import.meta.url);',
    },
  });
  try {
    return (await import(pathToFileURL(file).href)) as Variant;
  } finally {
    rmSync(file, { force: true });
  }
}
