// A short run of `npm run torture`; docs/torture.md tells of a long one.
import { expect, test } from "vitest";
import { torture } from "./torture.ts";

test("[E2E-15] kill -9 of daemons and the server at random moments loses nothing that was acknowledged", async () => {
  const report = await torture({ cycles: 5, seed: 1, log: () => undefined });
  expect(report.cycles).toBe(5);
  const { daemon, server, starting, syncing } = report.kills;
  expect(daemon + server + starting + syncing).toBeGreaterThan(1);
  expect(report.acknowledged).toBeGreaterThan(100);
});
