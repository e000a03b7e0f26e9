/** A built server as a process of its own, for tests over a real socket. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("serve.mjs", import.meta.url));

export interface ServerProcess {
  readonly url: string;
  readonly key: string;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

export async function startServer(): Promise<ServerProcess> {
  const key = "sm_client_0123456789abcdefghij";
  const dataDir = mkdtempSync(join(tmpdir(), "smfs-server-"));
  const child: ChildProcess = spawn(process.execPath, [script, dataDir, key], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(createInterface({ input: child.stdout! }), "line");
  return {
    url: String(line),
    key,
    stop: async () => {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
