// The README's commands, as they stand there, run in order in an empty directory.
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../workspace-files.ts";
import { Device, type Ran, run } from "./device.ts";
import { shellBlocks } from "./readme-blocks.ts";

const readme = readFileSync(join(root, "README.md"), "utf8");

/** A device whose home is where the documents say things are, in a directory where `npx --no smfs` finds the command. */
class ReadmeDevice extends Device {
  constructor() {
    super();
    symlinkSync(join(root, "node_modules"), join(this.dir, "node_modules"));
  }

  shell(script: string): Promise<Ran> {
    const env = { ...this.env, npm_config_cache: join(this.dir, "npm-cache") };
    return run("bash", ["-e", "-u", "-o", "pipefail", "-c", script], { cwd: this.dir, env });
  }

  async runs(script: string): Promise<string> {
    const { code, out, err } = await this.shell(script);
    expect(code, `${script}\n${out}${err}${this.logs()}`).toBe(0);
    return out;
  }
}

test("[DOC-1] the README's first minute works as it is written", async () => {
  const device = new ReadmeDevice();
  const [start = "", write = "", look = ""] = shellBlocks(readme);
  // The install itself is what the fresh checkout's test runs.
  expect(start).toBe("npm install && npx --no smfs mount notes\n");
  const mounted = await device.runs(start.replace("npm install && ", ""));
  expect(mounted).toContain("Unmount: npx --no smfs unmount");
  expect(await device.runs(write)).toMatch(/notes\/house\.md:1[\s\S]*The boiler is serviced/);
  await device.runs(look);
  expect(existsSync(join(device.dir, "notes/house.md"))).toBe(false);
});

test("[DOC-2] the second device of the README sees the first one's files", async () => {
  const device = new ReadmeDevice();
  await device.runs(
    "npx --no smfs mount notes && echo here > notes/a.md && npx --no smfs sync notes",
  );
  const second = shellBlocks(readme)[3] ?? "";
  expect(second).toMatch(/^smfs mount notes --api-url http:\/\/127\.0\.0\.1:6767 --key-file ~/);
  const other = new ReadmeDevice();
  const { apiUrl } = device.server() ?? { apiUrl: "" };
  await other.runs(
    second
      .replace(/^smfs/, "npx --no smfs")
      .replace("http://127.0.0.1:6767", apiUrl)
      .replace("~/.local/share/smfs/server/key", device.keyFile),
  );
  expect(readFileSync(join(other.dir, "notes/a.md"), "utf8")).toBe("here\n");
  await other.runs("npx --no smfs unmount notes");
});

test("[DOC-3] the README's test command is the one that CI runs", () => {
  const command = shellBlocks(readme).at(-1)?.trim() ?? "";
  expect(command).toBe("npm install && npm test");
  const ci = readFileSync(join(root, ".ci/run"), "utf8").trimEnd().split("\n");
  expect(ci.at(-1)).toBe(command);
});
