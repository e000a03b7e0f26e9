import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exitCodes, toFailure } from "./cli-error.ts";
import { linesOf } from "./commands/grep.ts";
import { quoted, socketPath } from "./commands/mount.ts";
import { runCli } from "./run-cli.ts";
import { MemoryOutput } from "./testing/memory-output.ts";
import { scratchDir } from "./testing/scratch.ts";

async function run(...args: string[]) {
  const output = new MemoryOutput();
  const code = await runCli(args, output);
  return { code, out: output.lines.join("\n"), err: output.notes.join("\n") };
}

test("[CLI-4] help and version are success, wrong usage is 2 and says what is wrong", async () => {
  expect(await run("--help")).toMatchObject({ code: exitCodes.done });
  expect((await run("--help")).out).toContain("mount [options] <container>");
  expect((await run("version", "--json")).code).toBe(exitCodes.done);
  for (const args of [["nonsense"], ["mount"], ["mount", "a", "b"], ["logs", "--wrong"]]) {
    const { code, err } = await run(...args);
    expect(code).toBe(exitCodes.usage);
    expect(err).toMatch(/^error: /);
  }
});

test("[CLI-15] numbers out of bounds are wrong usage", async () => {
  for (const args of [
    ["mount", "a", "--sync-interval", "0"],
    ["mount", "a", "--sync-interval", "1.5"],
    ["grep", "q", "-m", "101"],
    ["logs", "-n", "-1"],
    ["serve", "--port", "65536"],
    ["mount", "a", "--memory-paths", "notes"],
  ]) {
    expect((await run(...args)).code).toBe(exitCodes.usage);
  }
});

test("[CLI-2] a name that no container can have is refused before anything is started", async () => {
  const { code, err } = await run("mount", "my notes");
  expect(code).toBe(exitCodes.usage);
  expect(err).toContain("for example: my-notes");
});

test("[CLI-7] any error is one sentence, never a stack trace", () => {
  const full = Object.assign(new Error("write failed"), { code: "ENOSPC", path: "/data" });
  expect(toFailure(full)).toEqual({
    exitCode: exitCodes.failed,
    message: "the disk is full at /data: free some space and try again",
  });
  expect(toFailure(Object.assign(new Error("x"), { hint: "do y" }))).toEqual({
    exitCode: exitCodes.failed,
    message: "x",
    hint: "do y",
  });
  expect(toFailure("text").message).toBe("text");
});

test("[CLI-14] paths in advice can be pasted into a shell", () => {
  expect(quoted("/a/b.md")).toBe("/a/b.md");
  expect(quoted("/a b/it's")).toBe("'/a b/it'\\''s'");
});

test("[CLI-8] a socket's path fits and lies in a directory of ours, whatever the runtime directory is", () => {
  const dir = scratchDir();
  const at = (name: string) => join(dir, name);
  const paths = { data: at("d"), state: at("s"), config: at("c"), runtime: at("r") };
  expect(socketPath(paths, "notes-1")).toMatch(/\/r\/[0-9a-f]{16}\.sock$/);
  expect(statSync(at("r")).mode & 0o777).toBe(0o700);
  // Nobody may make a directory there, root included.
  const foreign = { ...paths, runtime: "/sys/smfs" };
  expect(socketPath(foreign, "notes-1")).toMatch(/\/s\/run\/[0-9a-f]{16}\.sock$/);
  const deep = { ...paths, runtime: at("r".repeat(120)), state: at("s".repeat(120)) };
  expect(Buffer.byteLength(socketPath(deep, "notes-1"))).toBeLessThanOrEqual(107);
  expect(socketPath(deep, "notes-1")).not.toBe(
    socketPath({ ...deep, state: at("t".repeat(120)) }, "notes-1"),
  );
});

test("[CLI-16] a passage's lines are those it stands in", () => {
  expect(linesOf("a\nb\nc\nd\n", "b\nc\n")).toEqual({ start: 2, end: 3 });
  expect(linesOf("a\nb", "a")).toEqual({ start: 1, end: 1 });
  expect(linesOf("a\nb", "x")).toBeUndefined();
});
