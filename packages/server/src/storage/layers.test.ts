import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const source = fileURLToPath(new URL("..", import.meta.url));
const isOurs = (path: string) =>
  path.endsWith(".ts") && !path.endsWith(".test.ts") && !path.includes("testing/");

test("[SERVER-216] routes, rules, pipeline and search name nothing of SQL", () => {
  const folders = "routes documents http memories embed images pipeline search extract workers";
  const files = folders
    .split(" ")
    .flatMap((folder) =>
      readdirSync(join(source, folder), { recursive: true, encoding: "utf8" }).map((name) =>
        join(folder, name),
      ),
    )
    .filter(isOurs);
  expect(files.length).toBeGreaterThan(90);
  const named = files.filter((file) =>
    /sqlite|\bSQL\b|\bSELECT\b/i.test(readFileSync(join(source, file), "utf8")),
  );
  expect(named).toEqual([]);
});
