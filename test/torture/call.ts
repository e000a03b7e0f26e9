/** System calls of a script: what actor.c carries out and tree.ts predicts. Paths are relative to the mount. */
export type Call =
  | { readonly do: "open"; readonly handle: number; readonly path: string; readonly flags: number }
  | { readonly do: "close" | "fsync" | "fdatasync"; readonly handle: number }
  | {
      readonly do: "write" | "map";
      readonly handle: number;
      readonly offset: number;
      readonly length: number;
      readonly token: string;
    }
  | {
      readonly do: "append";
      readonly handle: number;
      readonly length: number;
      readonly token: string;
    }
  | { readonly do: "ftruncate"; readonly handle: number; readonly size: number }
  | { readonly do: "truncate"; readonly path: string; readonly size: number }
  | { readonly do: "rename" | "exchange" | "link"; readonly from: string; readonly to: string }
  | { readonly do: "unlink" | "mkdir" | "rmdir" | "fsyncdir"; readonly path: string }
  | { readonly do: "symlink"; readonly target: string; readonly path: string }
  | { readonly do: "chmod"; readonly path: string; readonly mode: number }
  /** Opens for appending, writes one line, closes: a file that several devices write. */
  | { readonly do: "line"; readonly path: string; readonly token: string };

/** Mode of files and directories that are made, less the umask of 022. */
export const fileMode = 0o644;
export const directoryMode = 0o755;

/** A call as actor.c reads it, below a mount point. */
function toWords(call: Call, mount: string): (string | number)[] {
  const at = (path: string) => `${mount}${path}`;
  switch (call.do) {
    case "open":
      return [call.do, call.handle, at(call.path), call.flags, fileMode];
    case "close":
    case "fsync":
    case "fdatasync":
      return [call.do, call.handle];
    case "write":
    case "map":
      return [call.do, call.handle, call.offset, call.length, call.token];
    case "append":
      return [call.do, call.handle, call.length, call.token];
    case "ftruncate":
      return [call.do, call.handle, call.size];
    case "truncate":
      return [call.do, at(call.path), call.size];
    case "rename":
    case "exchange":
    case "link":
      return [call.do, at(call.from), at(call.to)];
    case "symlink":
      return [call.do, call.target, at(call.path)];
    case "chmod":
      return [call.do, at(call.path), call.mode];
    case "line":
      return [call.do, at(call.path), call.token];
    default:
      return [call.do, at(call.path)];
  }
}

/** A script for actor.c. `pausesUs` are the microseconds before each call. */
export function toScript(
  calls: readonly Call[],
  mount: string,
  pausesUs: readonly number[],
): string {
  const lines = calls.map((call, index) =>
    [pausesUs[index] ?? 0, ...toWords(call, mount)].join(" "),
  );
  return `${lines.join("\n")}\n`;
}

/** A call in one line, for reports. */
export function describe(call: Call): string {
  return toWords(call, "").join(" ");
}
