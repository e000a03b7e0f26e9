import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratchDir } from "../testing/scratch.ts";
import { processUsers } from "./process-users.ts";

test("[CLI-17] who stands in a directory or holds a file of it open is named, nobody else", async () => {
  const dir = realpathSync(scratchDir());
  expect(processUsers(dir)).toEqual([]);
  const child = spawn("sleep", ["60"], { cwd: dir });
  await once(child, "spawn");
  expect(processUsers(dir)).toEqual([{ pid: child.pid, name: "sleep" }]);
  child.kill("SIGKILL");
  await once(child, "exit");
  writeFileSync(join(dir, "f"), "");
  const fd = openSync(join(dir, "f"), "r");
  expect(processUsers(dir).map(({ pid }) => pid)).toEqual([process.pid]);
  closeSync(fd);
  expect(processUsers(dir)).toEqual([]);
});
