import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect, test } from "vitest";
import { Device } from "./device.ts";
import { serverTree } from "./server-view.ts";
import { bearer, Serving } from "./serving.ts";
import { differences, readTree } from "./trees.ts";

const soon = { timeout: 60_000, interval: 100 };

test("[CLI-44] a backup made while a mount writes is whole; restored in place the mounts go on with it", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  mkdirSync(join(mount, "d"));
  for (let i = 0; i < 50; i += 1) writeFileSync(join(mount, `d/${i}.md`), `note ${i}\n`);
  writeFileSync(join(mount, "big.bin"), Buffer.alloc(300_000, 7));
  await device.ok(["sync", mount]);
  const copy = join(device.dir, "copy");
  for (let i = 0; i < 50; i += 1) writeFileSync(join(mount, `d/during-${i}.md`), `later ${i}\n`);
  expect(await device.ok(["server", "backup", copy])).toMatch(/^\d+ documents, .* copied to /);
  for (const name of readdirSync(copy, { recursive: true, encoding: "utf8" })) {
    expect(statSync(join(copy, name)).mode & 0o077, name).toBe(0);
  }
  expect(existsSync(join(copy, "key"))).toBe(false);
  const again = await device.smfs(["server", "backup", copy]);
  expect(again).toMatchObject({ code: 1, err: expect.stringContaining("is not empty") });
  expect(await device.ok(["server", "check"])).toContain("is whole");

  await device.ok(["sync", mount]);
  const { pid = 0 } = device.server() ?? {};
  const refused = await device.smfs(["server", "restore", copy]);
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("--replace") });
  const key = readFileSync(device.keyFile, "utf8");
  const restored = await device.ok(["server", "restore", copy, "--replace"]);
  const previous = /what was there before is in (\S+)/.exec(restored)?.[1] ?? "";
  expect(await device.ok(["server", "check", "--data", previous])).toContain("is whole");
  expect(readFileSync(device.keyFile, "utf8")).toBe(key);

  // The mount finds its server again, and what it writes now arrives at the restored data.
  writeFileSync(join(mount, "after.md"), "after the restore\n");
  await expect.poll(() => device.smfs(["sync", mount]).then(({ code }) => code), soon).toBe(0);
  expect(device.server()?.pid).not.toBe(pid);
  // What arrived after the copy was made is not in it.
  const isLater = (line: string) => /during-\d+\.md$/.test(line);
  const different = differences(readTree(mount), await serverTree(device, "notes"));
  expect(different.filter((line) => !isLater(line))).toEqual([]);
  expect(readFileSync(join(mount, "after.md"), "utf8")).toBe("after the restore\n");
  for (let i = 0; i < 50; i += 1) {
    expect(readFileSync(join(mount, `d/${i}.md`), "utf8")).toBe(`note ${i}\n`);
  }
});

test("[CLI-44] a check names what is damaged, with exit code 1; a damaged copy is not restored", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  writeFileSync(join(mount, "big.bin"), Buffer.alloc(300_000, 7));
  await device.ok(["sync", mount]);
  await device.ok(["unmount", mount]);
  const copy = join(device.dir, "copy");
  await device.ok(["server", "backup", copy]);
  const blob = readdirSync(join(copy, "blobs"), { recursive: true, encoding: "utf8" }).find(
    (name) => name.length > 60,
  );
  writeFileSync(join(copy, "blobs", blob ?? ""), Buffer.alloc(300_000, 8));
  const checked = await device.smfs(["server", "check", "--data", copy, "--json"]);
  expect(checked.code).toBe(1);
  const { problems } = JSON.parse(checked.out) as { problems: string[] };
  expect(problems).toEqual([expect.stringMatching(/^blob [0-9a-f]{64} is damaged$/)]);
  const refused = await device.smfs(["server", "restore", copy, "--replace"]);
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("nothing was changed") });
  expect(await device.ok(["server", "check"])).toContain("is whole");
  const there = ["--data", join(device.dir, "forced")];
  expect((await device.smfs(["server", "restore", copy, "--force", ...there])).code).toBe(1);
  expect((await device.smfs(["server", "check", ...there])).code).toBe(1);
  const absent = await device.smfs(["server", "check", "--data", join(device.dir, "absent")]);
  expect(absent).toMatchObject({
    code: 4,
    err: expect.stringContaining("there is no server's data"),
  });
  expect(existsSync(join(device.dir, "absent"))).toBe(false);
});

test("[CLI-45] a key is shown once, does what it was made for and no more, and is refused when it is revoked", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  mkdirSync(join(mount, "public"));
  writeFileSync(join(mount, "public/a.md"), "for everybody\n");
  writeFileSync(join(mount, "private.md"), "for me alone\n");
  await device.ok(["sync", mount]);
  const scope = ["--read-only", "--container", "notes", "--container", "more", "--path", "public"];
  const made = await device.smfs([
    "server",
    "keys",
    "create",
    "my phone",
    ...scope,
    "--expires",
    "2d",
  ]);
  expect(made.code).toBe(0);
  expect(made.out).toMatch(/^sm_\S{17,}\n$/);
  expect(made.err).toMatch(/my phone: reads notes, more below \/public\/ until \d{4}-/);
  const key = made.out.trim();
  const ask = async (method: string, path: string) => {
    const headers = { authorization: `Bearer ${key}` };
    const body = method === "GET" ? null : "x";
    const url = `${device.server()?.apiUrl}${path}`;
    return (await fetch(url, { method, headers, body })).status;
  };
  expect(await ask("GET", "/ext/v1/fs/notes/public/a.md")).toBe(200);
  expect(await ask("GET", "/ext/v1/fs/notes/private.md")).not.toBe(200);
  expect(await ask("GET", "/ext/v1/changes?containerTag=other")).toBe(403);
  expect(await ask("PUT", "/ext/v1/fs/notes/public/a.md")).toBe(403);
  expect(await ask("GET", "/metrics")).toBe(200);

  const listed = await device.ok(["server", "keys", "list", "--json"]);
  expect(listed).not.toContain(key);
  const [row] = JSON.parse(listed) as Record<string, unknown>[];
  expect(row).toMatchObject({
    name: "my phone",
    readOnly: true,
    strict: false,
    containers: ["notes", "more"],
    path: "/public/",
  });
  expect(await device.ok(["server", "keys", "list"])).toContain("reads notes, more below /public/");
  for (const file of ["data/smfs/server/server.sqlite", "data/smfs/server/server.sqlite-wal"]) {
    expect(readFileSync(join(device.dir, file), "latin1")).not.toContain(key);
  }
  expect(device.logs()).not.toContain(key);
  const revoked = await device.ok(["server", "keys", "revoke", String(row?.id)]);
  expect(revoked).toContain("is revoked");
  expect(await ask("GET", "/ext/v1/fs/notes/public/a.md")).toBe(401);
  expect((await device.smfs(["server", "keys", "revoke", "nothing"])).code).toBe(4);
});

test("[CLI-45] a key written to a file mounts a container; a file that is there is left alone", async () => {
  const device = new Device();
  await device.mount("shared");
  const keyFile = join(device.dir, "phone.key");
  const create = ["server", "keys", "create", "phone", "--container", "shared", "--out", keyFile];
  const said = await device.smfs(create);
  expect(said.code).toBe(0);
  const key = readFileSync(keyFile, "utf8").trim();
  expect(said.out + said.err).not.toContain(key);
  expect(statSync(keyFile).mode & 0o777).toBe(0o600);
  expect((await device.smfs(create)).code).toBe(1);
  expect(readFileSync(keyFile, "utf8").trim()).toBe(key);
  expect(JSON.parse(await device.ok(["server", "keys", "list", "--json"]))).toHaveLength(1);
  const two = new Device();
  const flags = ["--api-url", device.server()?.apiUrl ?? "", "--key-file", keyFile];
  const mount = await two.mount("shared", ...flags);
  writeFileSync(join(mount, "a.md"), "from the phone\n");
  await two.ok(["sync", mount]);
  expect((await serverTree(device, "shared")).has("a.md")).toBe(true);
});

test.each([
  [["create"]],
  [["create", "x", "--expires", "soon"]],
  [["create", "x", "--expires", "0d"]],
  [["create", "x", "--container", "a b"]],
  [["create", ""]],
  [["revoke"]],
  [["make", "x"]],
  [[]],
])("[CLI-45] wrong usage is 2 and makes nothing: server keys %j", async (args) => {
  const device = new Device();
  const { code, err, out } = await device.smfs(["server", "keys", ...args]);
  expect([code, out]).toEqual([2, ""]);
  expect(err).not.toBe("");
  expect(existsSync(join(device.dir, "data/smfs/server/server.sqlite"))).toBe(false);
});

test("[CLI-44] data of a newer version is refused by every command, with the version to install, and left as it is", async () => {
  const device = new Device();
  const data = join(device.dir, "data/smfs/server");
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const file = join(data, "server.sqlite");
  const newer = new Sqlite(file);
  newer.exec("CREATE TABLE setting (k TEXT PRIMARY KEY, v TEXT NOT NULL)");
  newer.exec("INSERT INTO setting VALUES ('schema-writer', '9.8.7')");
  newer.pragma("user_version = 999");
  newer.close();
  const before = readFileSync(file);
  for (const args of [
    ["serve", "--port", "0"],
    ["mount", "notes", "--path", join(device.dir, "m")],
    ["server", "check"],
    ["server", "backup", join(device.dir, "copy")],
    ["server", "keys", "create", "x"],
  ]) {
    const { code, err } = await device.smfs(args);
    expect([args[0], code === 0]).toEqual([args[0], false]);
    expect(err).toContain("was written by a newer smfs (9.8.7)");
    expect(err).toContain("install smfs 9.8.7 or a newer one");
  }
  expect(readFileSync(file).equals(before)).toBe(true);
});

test("[CLI-46] this machine's own server is found, told of and ended; what mounts need stays", async () => {
  const device = new Device();
  expect(await device.smfs(["server", "status"])).toMatchObject({
    code: 7,
    out: expect.stringContaining("has not run yet"),
  });
  expect(await device.ok(["server", "stop"])).toContain("no server of this machine runs");
  const mount = await device.mount("notes");
  writeFileSync(join(mount, "a.md"), "The roses are cut back in March.\n");
  await device.ok(["sync", mount]);
  const status = JSON.parse(await device.ok(["server", "status", "--json"])) as object;
  expect(status).toEqual({
    apiUrl: device.server()?.apiUrl,
    embedded: true,
    running: true,
    version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    dataDir: join(device.dir, "data/smfs/server"),
    search: { chunks: 1, models: [expect.objectContaining({ chunks: 1, state: "answering" })] },
  });
  expect(await device.ok(["server", "status"])).toContain("1 passage");
  expect(await device.ok(["status", mount])).toContain("1 passage");
  const used = await device.smfs(["server", "stop"]);
  expect(used).toMatchObject({ code: 5, err: expect.stringContaining(mount) });
  // Begun anew it serves on; the mount is not taken away for it.
  const { pid } = device.server() ?? {};
  expect(await device.ok(["server", "restart"])).toContain(device.server()?.apiUrl);
  expect(device.server()?.pid).not.toBe(pid);
  await expect.poll(() => device.smfs(["sync", mount]).then(({ code }) => code), soon).toBe(0);
  await device.ok(["unmount", mount]);
  expect(await device.ok(["server", "stop"])).toContain("has ended");
  expect((await device.smfs(["server", "status"])).code).toBe(7);
  // A server in the foreground on the same data is what mounts use from then on.
  const serving = await Serving.start(device, ["--port", "0"]);
  const again = await device.mount("notes");
  expect((await device.status(again)).apiUrl).toBe(serving.url);
  expect(readFileSync(join(again, "a.md"), "utf8")).toContain("roses");
  expect(
    (await fetch(`${serving.url}/v3/session`, { headers: bearer(device.keyFile) })).status,
  ).toBe(200);
  await device.ok(["unmount", again]);
  expect(await serving.end()).toBe(0);
});
