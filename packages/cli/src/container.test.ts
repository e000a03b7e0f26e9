import { expect, test } from "vitest";
import { exitCodes } from "./cli-error.ts";
import { checkContainer, storeId } from "./container.ts";

test.each(["notes", "a", "Work_2024:q3.final-1", "x".repeat(100)])(
  "[CLI-2] %s is a container",
  (name) => {
    expect(checkContainer(name)).toBe(name);
  },
);

test.each([
  ["my notes", "my-notes"],
  ["Bücher/2024", "Bucher-2024"],
  ["../../etc", "etc"],
  ["x".repeat(101), "x".repeat(100)],
])("[CLI-2] %s is not, and %s is proposed", (name, proposal) => {
  expect(() => checkContainer(name)).toThrow(
    expect.objectContaining({ exitCode: exitCodes.usage, hint: `for example: ${proposal}` }),
  );
});

test.each(["", ".", "..", "日本", "\n"])("[CLI-2] %j is not", (name) => {
  expect(() => checkContainer(name)).toThrow(/cannot be the name of a container/);
});

test("[CLI-13] a store belongs to one container of one account on one server", () => {
  const ids = [storeId("a", "x 1"), storeId("a", "x 2"), storeId("b", "x 1"), storeId("a", "y 1")];
  expect(new Set(ids).size).toBe(4);
  expect(storeId("a", "x 1")).toBe(ids[0]);
});
