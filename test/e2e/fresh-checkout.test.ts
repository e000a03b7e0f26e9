// The README's one command on a fresh machine: a checkout with nothing built, nothing installed, an empty npm cache.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { root, workspaceFiles } from "../workspace-files.ts";
import { Device, run } from "./device.ts";
import { shellBlocks } from "./readme-blocks.ts";

test("[DOC-4] install and first mount are one command on a fresh checkout", {
  timeout: 900_000,
}, async () => {
  const device = new Device();
  const checkout = join(device.dir, "checkout");
  for (const { path } of workspaceFiles(/./)) {
    mkdirSync(dirname(join(checkout, path)), { recursive: true });
    cpSync(join(root, path), join(checkout, path));
  }
  const [command = ""] = shellBlocks(readFileSync(join(checkout, "README.md"), "utf8"));
  const env = { ...device.env, ...npmSettings(), npm_config_cache: join(device.dir, "npm-cache") };
  const { code, out, err } = await run("bash", ["-c", command], { cwd: checkout, env });
  expect(code, `${out}${err}${device.logs()}`).toBe(0);
  const mount = join(checkout, "notes");
  expect(out).toContain(`notes is mounted at ${mount}`);
  writeFileSync(join(mount, "a.md"), "the first file\n");
  const smfs = async (...args: string[]) =>
    await run("npx", ["--no", "smfs", ...args], { cwd: checkout, env });
  expect(await smfs("sync", "notes")).toMatchObject({ code: 0 });
  expect((await smfs("unmount", "notes")).out).toContain("unmounted");
});

/** How this machine reaches its registry and finds its headers is the machine's own; the cache is not. */
function npmSettings(): Record<string, string> {
  const kept = /^(?:NODE_EXTRA_CA_CERTS|(?:https?|no|all)_proxy)$/i;
  const named = Object.entries(process.env).filter(([name]) => kept.test(name));
  return { ...Object.fromEntries(named), npm_config_userconfig: join(homedir(), ".npmrc") };
}
