/**
 * npm run clients: other people's programs against the built server, as their registries have them. Needs the npm
 * registry and PyPI, and python3 with venv; whoever cannot reach one of them sees that in the table. Not a test:
 * what is too large to install with every checkout is tried here, and docs/http-api.md says with what result.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

interface Client {
  /** What is installed, pinned; the first one names the client. */
  readonly packages: readonly string[];
  readonly program: string;
}

const clients: readonly Client[] = [
  { packages: ["@supermemory/bash@0.0.32", "supermemory@4.25.4"], program: "bash.mjs" },
  { packages: ["@supermemory/tools@2.3.0"], program: "tools.mjs" },
  { packages: ["@supermemory/tools@2.0.0"], program: "old-tools.mjs" },
  { packages: ["@supermemory/tools@1.4.8"], program: "old-tools.mjs" },
  { packages: ["supermemory@3.0.0-alpha.26"], program: "old-sdk.mjs" },
  { packages: ["supermemory==3.62.0"], program: "sdk.py" },
  { packages: ["supermemory-bash==0.0.2"], program: "bash.py" },
  { packages: ["supermemory-openai-sdk==1.0.10"], program: "openai_tools.py" },
];
const programs = fileURLToPath(new URL("clients", import.meta.url));
const serve = fileURLToPath(new URL("../test/server/serve.mjs", import.meta.url));
const key = "sm_clients_0123456789abcdefghij";
/** A client that hangs is ended: each takes seconds. */
const timeout = 300_000;

interface Outcome {
  readonly client: string;
  readonly ok: number;
  readonly failed: readonly string[];
}

function run(command: string, args: readonly string[], cwd: string, env = {}) {
  return spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: "utf8",
    timeout,
    maxBuffer: 64 * 1024 * 1024,
  });
}

/** Installs a client into a directory of its own, and gives the command that runs its program there. */
function install({ packages, program }: Client, dir: string): string | Error {
  cpSync(programs, dir, { recursive: true });
  const steps: readonly (readonly [string, readonly string[]])[] = program.endsWith(".py")
    ? [
        ["python3", ["-m", "venv", "venv"]],
        ["venv/bin/pip", ["install", "--quiet", "--disable-pip-version-check", ...packages]],
      ]
    : [
        [
          "npm",
          ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", ...packages],
        ],
      ];
  writeFileSync(join(dir, "package.json"), '{"private":true,"type":"module"}\n');
  for (const [command, args] of steps) {
    const { status, stderr, error } = run(command, args, dir);
    if (status !== 0) return error ?? new Error(`${command}: ${stderr.trim().slice(0, 300)}`);
  }
  return program.endsWith(".py") ? "venv/bin/python" : process.execPath;
}

function tryClient(client: Client, url: string): Outcome {
  const [name = ""] = client.packages;
  const dir = mkdtempSync(join(tmpdir(), "smfs-client-"));
  try {
    const command = install(client, dir);
    if (command instanceof Error) {
      return { client: name, ok: 0, failed: [`could not be installed: ${command.message}`] };
    }
    const env = { CLIENT_URL: url, CLIENT_KEY: key };
    const { stdout, stderr, status } = run(command, [client.program], dir, env);
    const lines = stdout.split("\n");
    const failed = lines.filter((line) => line.startsWith("FAILED "));
    if (status !== 0) failed.push(`ended with ${status}: ${stderr.trim().slice(-500)}`);
    return { client: name, ok: lines.filter((line) => line.startsWith("ok ")).length, failed };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const dataDir = mkdtempSync(join(tmpdir(), "smfs-clients-data-"));
const server = spawn(process.execPath, [serve, dataDir, key], {
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  const [url] = await once(createInterface({ input: server.stdout }), "line");
  const chosen = process.argv[2] ?? "";
  for (const client of clients.filter(({ packages }) => packages.join(" ").includes(chosen))) {
    const { client: name, ok, failed } = tryClient(client, String(url));
    process.stdout.write(`${name}: ${ok} calls as expected, ${failed.length} not\n`);
    for (const line of failed) process.stdout.write(`  ${line}\n`);
    if (failed.length > 0) process.exitCode = 1;
  }
} finally {
  const exited = once(server, "exit");
  server.kill("SIGTERM");
  await exited;
  rmSync(dataDir, { recursive: true, force: true });
}
