import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { isSameProcess, processIdentity } from "./processes.ts";

test("[CLI-10] a process is itself, and another with its number is not", () => {
  const identity = processIdentity(process.pid);
  if (identity === undefined) return expect.unreachable("this process runs");
  expect(isSameProcess(identity)).toBe(true);
  expect(isSameProcess({ ...identity, started: `${identity.started}1` })).toBe(false);
});

test("[CLI-10] a process that has ended is none, also while nobody has collected it", async () => {
  const child = spawn("sleep", ["60"]);
  const identity = processIdentity(child.pid ?? 0);
  expect(identity).toBeDefined();
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(processIdentity(child.pid ?? 0)).toBeUndefined();
  for (const pid of [0, -1, 1.5, Number.NaN]) expect(processIdentity(pid)).toBeUndefined();
});
