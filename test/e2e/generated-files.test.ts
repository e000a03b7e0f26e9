import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pdfOf } from "../../packages/server/src/extract/testing/pdf.ts";
import { Device, run } from "./device.ts";
import { serverTree } from "./server-view.ts";

const soon = { timeout: 60_000, interval: 50 };

/** Runs a shell in a directory; it must succeed. @returns its standard output */
async function shell(device: Device, cwd: string, script: string): Promise<string> {
  const ran = await run("sh", ["-ec", script], { cwd, env: { ...device.env } });
  expect(ran, script).toMatchObject({ code: 0 });
  return ran.out;
}

test("[GEN-1] .smfs in a mount: status, search and history as files, and nothing walks into it", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  mkdirSync(join(mount, "house"));
  writeFileSync(join(mount, "house/heating.md"), "The boiler is serviced every October.\n");
  writeFileSync(join(mount, "garden.md"), "The roses are cut back in March.\n");
  await device.ok(["sync", mount]);
  const inside = (...names: string[]) => join(mount, ".smfs", ...names);

  expect(readdirSync(mount).sort()).toEqual(["garden.md", "house"]);
  expect(readdirSync(inside()).sort()).toEqual(["conflicts", "history", "search", "status.json"]);
  const status = JSON.parse(readFileSync(inside("status.json"), "utf8")) as { tag: string };
  expect(status).toMatchObject({ tag: "notes", queue_len: 0 });
  expect(statSync(inside("status.json")).size).toBeGreaterThan(100);

  const found = inside("search", "when is the furnace serviced?");
  const [best = ""] = readdirSync(found).sort();
  expect(best).toMatch(/heating\.md$/);
  expect(realpathSync(join(found, best))).toBe(join(mount, "house/heating.md"));
  expect(readlinkSync(join(found, best))).toBe("../../../house/heating.md");
  expect(await shell(device, found, `cat ./*heating.md`)).toContain("every October");

  writeFileSync(join(mount, "garden.md"), "The roses are cut back in April.\n");
  await device.ok(["sync", mount]);
  const history = inside("history", "garden.md");
  await expect.poll(() => readdirSync(history).length, soon).toBe(2);
  const [first = "", second = ""] = readdirSync(history).sort();
  expect(readFileSync(join(history, first), "utf8")).toContain("March");
  expect(readFileSync(join(history, second), "utf8")).toContain("April");
  await shell(device, mount, `diff .smfs/history/garden.md/${second} garden.md`);
  await shell(
    device,
    mount,
    `cp .smfs/history/garden.md/${first} garden.md; grep -q March garden.md`,
  );

  expect(() => writeFileSync(inside("new"), "x")).toThrow(/EPERM|EACCES/);
  expect(() => mkdirSync(inside("search", "x", "y"))).toThrow(/EPERM|EACCES/);
  await shell(device, mount, `test -z "$(find . -name status.json)"; rm -rf ./*; test -z "$(ls)"`);
  expect(existsSync(inside("status.json"))).toBe(true);
  await device.ok(["sync", mount]);
  expect((await serverTree(device, "notes")).size).toBe(0);
});

test("[GEN-4] profile.md shows what is known, follows it, and can be removed", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  const profile = join(mount, "profile.md");
  expect(existsSync(profile)).toBe(false);
  writeFileSync(join(mount, "user.md"), "# Profile\n\n- Ada plants roses\n");
  await device.ok(["sync", mount]);
  await expect.poll(() => existsSync(profile), soon).toBe(true);
  await expect.poll(() => readFileSync(profile, "utf8"), soon).toContain("- Ada plants roses");
  expect(readdirSync(mount).sort()).toEqual(["profile.md", "user.md"]);
  expect(() => writeFileSync(profile, "x")).toThrow(/EPERM|EACCES/);

  writeFileSync(join(mount, "user.md"), "# Profile\n\n- Ada plants tulips\n");
  await device.ok(["sync", mount]);
  await expect.poll(() => readFileSync(profile, "utf8"), soon).toContain("tulips");
  expect((await serverTree(device, "notes")).has("profile.md")).toBe(false);
  await shell(device, mount, `rm -rf ./*; test -z "$(ls)"`);
});

test("[SIDECAR-2] the text of a document stands beside it, follows it, and is never sent", async () => {
  const device = new Device();
  const mount = await device.mount("papers");
  mkdirSync(join(mount, "d"));
  writeFileSync(join(mount, "d/report.pdf"), pdfOf(["The quarterly numbers are in."]));
  await device.ok(["sync", mount]);
  const beside = join(mount, "d/report.pdf.pdf-transcription.md");
  await expect.poll(() => existsSync(beside), soon).toBe(true);
  expect(readFileSync(beside, "utf8")).toContain("quarterly numbers");
  expect(readdirSync(join(mount, "d")).sort()).toEqual([
    "report.pdf",
    "report.pdf.pdf-transcription.md",
  ]);
  await shell(device, mount, "cp -r d copy && rm -r copy && mv d/report.pdf d/final.pdf");
  expect(readdirSync(join(mount, "d")).sort()).toEqual([
    "final.pdf",
    "final.pdf.pdf-transcription.md",
  ]);
  expect(existsSync(beside)).toBe(false);
  await shell(device, mount, "grep -l quarterly d/*.md; tar cf /dev/null d; rm -r d");
  await device.ok(["sync", mount]);
  expect((await serverTree(device, "papers")).size).toBe(0);

  // It is kept on this machine: it is there without the server, too.
  writeFileSync(join(mount, "b.pdf"), pdfOf(["Kept for later."]));
  await device.ok(["sync", mount]);
  await expect.poll(() => readdirSync(mount).length, soon).toBe(2);
  await device.ok(["unmount", mount]);
  await device.mount("papers", "--offline");
  expect(readFileSync(join(mount, "b.pdf.pdf-transcription.md"), "utf8")).toContain("Kept");
});

test("[SIDECAR-1] beside a file that the server does not take stands why", async () => {
  const device = new Device();
  const mount = await device.mount("odd");
  const name = "tab\there.md";
  writeFileSync(join(mount, name), "x\n");
  const beside = join(mount, `${name}.smfs-error.txt`);
  await expect.poll(() => existsSync(beside), soon).toBe(true);
  expect(readFileSync(beside, "utf8")).toContain("control character");
  await shell(device, mount, `mv "${name}" good.md`);
  await device.ok(["sync", mount]);
  await expect.poll(() => readdirSync(mount), soon).toEqual(["good.md"]);
});
