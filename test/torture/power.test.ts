// A sample of `npm run torture -- --power`; docs/torture.md tells of a complete run.
import { beforeAll, expect, test } from "vitest";
import { lose, type Recording, record } from "./power.ts";

let recording: Recording;
beforeAll(async () => {
  recording = await record(1, 120);
});

/** Every so manieth moment, so that there are about 120. */
const sampled = () => {
  const step = Math.ceil(recording.records.length / 120);
  return { losses: 1, seed: 1, isChosen: (moment: number) => moment % step === 0 };
};

test("[T-3] after a power loss at any moment the store is sound and has all that was synced", () => {
  const { moments, findings } = lose(recording, sampled());
  expect(findings).toEqual([]);
  expect(moments).toBeGreaterThan(50);
});

test("[T-3] a daemon that does not wait for its log is found out", () => {
  const forgets = (path: string) => path.startsWith("store.db-");
  expect(lose(recording, { ...sampled(), forgets, first: true }).findings).not.toEqual([]);
});

test("[T-3] a daemon that does not wait for its bytes is found out", () => {
  const forgets = (path: string) => path.startsWith("work/");
  expect(lose(recording, { ...sampled(), forgets, first: true }).findings).not.toEqual([]);
});
