import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { CountingProxy } from "./counting-proxy.ts";
import { Device, run } from "./device.ts";
import { Program } from "./program.ts";
import { digest } from "./trees.ts";

/** Larger than what is fetched in the background, so that the file stays a stub until it is read. */
const largeBytes = 3 << 20;

/** A device whose container is filled, and a second one that reaches the server through a counting proxy. */
async function twoDevices() {
  const one = new Device();
  const here = await one.mount("shared");
  mkdirSync(join(here, "small"));
  for (let i = 0; i < 20; i += 1) writeFileSync(join(here, `small/${i}.md`), `note ${i}\n`);
  const large = Buffer.alloc(largeBytes, "0123456789abcdef\n");
  writeFileSync(join(here, "large.txt"), large);
  await one.ok(["sync", here]);
  const proxy = await CountingProxy.listen(one.server()?.apiUrl ?? "");
  const two = new Device();
  const there = await two.mount("shared", "--api-url", proxy.url, "--key-file", one.keyFile);
  const stubs = async () => (await two.status(there)).stubs;
  await expect.poll(stubs, { timeout: 20_000, interval: 100 }).toBe(1);
  return { proxy, here, two, there, largeDigest: digest(large) };
}

test("[E2E-9] reading sends no writing request, and what is here causes no request at all", async () => {
  const { proxy, two, there } = await twoDevices();
  const before = proxy.noted.length;
  for (let round = 0; round < 2; round += 1) {
    execFileSync("grep", ["-r", "note", join(there, "small")]);
    execFileSync("ls", ["-lR", there]);
    execFileSync("cp", ["-r", join(there, "small"), join(two.dir, `copy-${round}`)]);
  }
  await two.ok(["sync", there]);
  expect(proxy.since(before)).toEqual([]);
  expect((await two.status(there)).queue_len).toBe(0);
});

test("[E2E-10] bytes that are not here cause exactly one request, however many readers", async () => {
  const { proxy, there, largeDigest, two } = await twoDevices();
  const before = proxy.noted.length;
  const readers = Array.from({ length: 8 }, () =>
    run("sha256sum", [join(there, "large.txt")], { cwd: "/", env: process.env }),
  );
  for (const { out, code } of await Promise.all(readers)) {
    expect(code).toBe(0);
    expect(out.split(" ")[0]).toBe(largeDigest);
  }
  const caused = proxy.since(before);
  expect(caused.map(({ method }) => method)).toEqual(["GET"]);
  expect(caused[0]?.path).toMatch(/^\/ext\/v1\/documents\/[^/]+\/raw$/);
  execFileSync("sha256sum", [join(there, "large.txt")]);
  expect(proxy.since(before)).toHaveLength(1);
  expect((await two.status(there)).requestsByReads).toBe(1);
});

test("[E2E-11] bytes that are not here and cannot be fetched are an error within seconds, not a hang", async () => {
  const { proxy, there } = await twoDevices();
  await proxy.close();
  const { code, err } = await run("timeout", ["20", "cat", join(there, "large.txt")], {
    cwd: "/",
    env: process.env,
  });
  expect(code).toBe(1);
  expect(err).toMatch(/No route to host/);
  // What is here is read as ever.
  expect(readFileSync(join(there, "small/1.md"), "utf8")).toBe("note 1\n");
});

test("[PUSH-14] a file that is open while another device makes the same one is not asked about all the time, and sent at its close", async () => {
  const { proxy, here, two, there } = await twoDevices();
  const writer = new Program(there);
  await writer.do(`f = open("log.txt", "w"); f.write("mine\\n"); f.flush()`);
  const before = proxy.noted.length;
  writeFileSync(join(here, "log.txt"), "theirs\n");
  // The first attempt finds that the name is taken.
  await expect
    .poll(() => proxy.since(before).some(({ method }) => method === "PUT"), { timeout: 30_000 })
    .toBe(true);
  await sleep(30_000);
  const asked = proxy.since(before).filter(({ path }) => path.includes("/documents/"));
  // Every 5 s it would be six. Looks after 5, 10 and 20 s, and what the first attempt found out.
  expect(asked.length).toBeLessThan(6);
  expect(asked.filter(({ method }) => method === "PUT")).toHaveLength(1);
  expect(await writer.do(`out = open("log.txt").read()`)).toBe("mine\n");
  await writer.do("f.close()");
  await two.ok(["sync", there]);
  expect(readFileSync(join(there, "log.txt"), "utf8")).toBe("theirs\n");
  const [kept] = readdirSync(join(there, ".conflicts"));
  expect(readFileSync(join(there, ".conflicts", kept ?? ""), "utf8")).toBe("mine\n");
});
