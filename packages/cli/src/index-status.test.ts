import { expect, test } from "vitest";
import { indexRows, toIndexStatus } from "./index-status.ts";

const model = (chunks: number, state: string, problem?: string) => ({
  name: "minilm",
  chunks,
  state,
  ...(problem === undefined ? {} : { problem }),
});
const rows = (...models: unknown[]) => {
  const status = toIndexStatus({ search: { chunks: 1200, models } });
  return status && indexRows(status).map((row) => row.join(" ").trim());
};

test("[CLI-43] the index's progress is told by model, and why one is not available", () => {
  expect(
    rows({ name: "static-256", chunks: 1200, state: "answering" }, model(0, "loading")),
  ).toEqual(["index 1,200 passages", "static-256: all of them", "minilm: 0 of 1,200, loading"]);
  expect(rows(model(400, "idle"))).toContain("minilm: 400 of 1,200, in the background");
  expect(rows(model(1200, "idle"))).toContain("minilm: all of them");
  expect(rows(model(0, "failed", "nothing\nlistens"))).toContain(
    "minilm: 0 of 1,200; not available: nothing\\x0alistens",
  );
});

test.each([
  null,
  "text",
  {},
  { search: null },
  { search: { chunks: -1, models: [] } },
  { search: { chunks: 1, models: {} } },
])("[CLI-43] an answer that tells nothing of the index is none: %j", (body) => {
  expect(toIndexStatus(body)).toBeNull();
});

test("[CLI-43] what is wrong in an answer is left out, what is too much is cut", () => {
  const models = [null, {}, model(1, "dancing"), { ...model(1, "idle"), name: "x".repeat(10_000) }];
  const status = toIndexStatus({
    search: { chunks: 1, models: [...models, ...Array(50).fill(model(1, "idle"))] },
  });
  expect(status?.models.length).toBeLessThanOrEqual(16);
  expect(status?.models[0]?.name).toHaveLength(200);
});
