import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Device } from "./device.ts";

/** Two devices, each of which has changed the files without having seen the other's change. */
async function twoWhoDiffer(names: readonly string[]): Promise<{
  readonly a: Device;
  readonly b: Device;
  readonly atA: string;
  readonly atB: string;
}> {
  const a = new Device();
  const b = new Device();
  const atA = await a.mount("shared");
  mkdirSync(join(atA, "notes"));
  for (const name of names) writeFileSync(join(atA, "notes", name), "one line\n");
  await a.ok(["sync", atA]);
  let atB = await b.mount("shared", ...a.serverFlags());
  for (const name of names) readFileSync(join(atB, "notes", name));
  await b.ok(["sync", atB]);
  await b.ok(["unmount", atB]);
  atB = await b.mount("shared", "--offline", ...a.serverFlags());
  for (const name of names) {
    writeFileSync(join(atA, "notes", name), "theirs, made at home\n");
    writeFileSync(join(atB, "notes", name), "mine, made on the way\n");
  }
  await a.ok(["sync", atA]);
  await b.ok(["unmount", "--force", atB]);
  atB = await b.mount("shared", ...a.serverFlags());
  await b.ok(["sync", atB]);
  return { a, b, atA, atB };
}

interface Listed {
  readonly path: string;
  readonly versionPath: string;
  readonly isOurs: boolean;
}

async function listed(device: Device, mount: string): Promise<Listed[]> {
  return JSON.parse(await device.ok(["conflicts", mount, "--json"])) as Listed[];
}

test("[CLI-52] a conflict is listed on both devices, compared, and settled in each way", async () => {
  const names = ["mine.md", "theirs.md", "both.md", "merged.md"];
  const { a, b, atA, atB } = await twoWhoDiffer(names);
  const paths = names.map((name) => `/notes/${name}`).sort();
  const found = await listed(b, atB);
  expect(found.map(({ path }) => path).sort()).toEqual(paths);
  expect(found.every(({ isOurs }) => isOurs)).toBe(true);
  await a.ok(["sync", atA]);
  const elsewhere = await listed(a, atA);
  expect(elsewhere.map(({ path }) => path).sort()).toEqual(paths);
  expect(elsewhere.every(({ isOurs }) => !isOurs)).toBe(true);

  const text = await b.ok(["conflicts"], { cwd: atB });
  expect(text).toContain("notes/mine.md");
  expect(text).toContain("the path has what device");
  const compared = await b.ok(["conflicts", "diff", "mine.md"], { cwd: join(atB, "notes") });
  expect(compared).toContain("-theirs, made at home");
  expect(compared).toContain("+mine, made on the way");

  const resolve = (name: string, keep: string) =>
    b.smfs(["conflicts", "resolve", name, "--keep", keep], { cwd: join(atB, "notes") });
  expect((await resolve("mine.md", "mine")).code).toBe(0);
  expect((await resolve("theirs.md", "theirs")).code).toBe(0);
  expect((await resolve("both.md", "both")).code).toBe(0);
  const early = await resolve("merged.md", "merged");
  expect(early.code).toBe(5);
  expect(early.err).toContain("still exactly what the other side wrote");
  writeFileSync(join(atB, "notes/merged.md"), "mine and theirs\n");
  expect((await resolve("merged.md", "merged")).code).toBe(0);
  expect((await resolve("merged.md", "mine")).code).toBe(4);

  await b.ok(["sync", atB]);
  await a.ok(["sync", atA]);
  for (const mount of [atA, atB]) {
    const read = (name: string) => readFileSync(join(mount, "notes", name), "utf8");
    expect(read("mine.md")).toBe("mine, made on the way\n");
    expect(read("theirs.md")).toBe("theirs, made at home\n");
    expect(read("both.md")).toBe("theirs, made at home\n");
    expect(read("merged.md")).toBe("mine and theirs\n");
    const [beside, ...more] = readdirSync(join(mount, "notes")).filter((name) =>
      /^both \(/.test(name),
    );
    expect(more).toEqual([]);
    expect(read(beside ?? "")).toBe("mine, made on the way\n");
    expect(existsSync(join(mount, ".conflicts"))).toBe(false);
  }
  expect(await listed(b, atB)).toEqual([]);
  expect(await listed(a, atA)).toEqual([]);
});
