/** Which ONNX runtime there is. The native one is four times as fast; it is used where somebody installed it. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

export interface Runtime {
  readonly name: "onnxruntime-node" | "onnxruntime-web";
  readonly version: string;
}

const names = ["onnxruntime-node", "onnxruntime-web"] as const;

/** The best runtime that is installed, or undefined when none is. */
export function findRuntime(): Runtime | undefined {
  for (const name of names) {
    const version = versionOf(name);
    if (version !== undefined) return { name, version };
  }
  return undefined;
}

function versionOf(name: string): string | undefined {
  const require = createRequire(import.meta.url);
  try {
    // The native package may be there without its binary, which an install script fetches.
    if (name === "onnxruntime-node") require(name);
    const file = require.resolve(name);
    const root = file.slice(0, file.lastIndexOf(`${name}/`) + name.length + 1);
    const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as {
      version: string;
    };
    return version;
  } catch {
    // Not installed, not for this platform, or its install was cut short: the next one will do.
    return undefined;
  }
}
