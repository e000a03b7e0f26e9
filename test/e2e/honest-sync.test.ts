import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Device, kill } from "./device.ts";

test("[W-51] sync, status and unmount say what is not safe, and why, until it is", async () => {
  const home = new Device();
  await home.mount("shared");
  const away = new Device();
  const mount = await away.mount("shared", ...home.serverFlags());
  writeFileSync(join(mount, "a.md"), "sent\n");
  await away.ok(["sync", mount]);

  // Nobody here starts the other device's server again.
  for (const pid of [...home.daemonPids(), home.server()?.pid ?? 0]) kill(pid);
  writeFileSync(join(mount, "b.md"), "not sent\n");
  const synced = await away.smfs(["sync", mount, "--json"]);
  expect(synced.code).toBe(3);
  expect(JSON.parse(synced.out)).toMatchObject({ safe: false, left: 1 });
  expect(synced.out).toContain("/b.md");
  const status = await away.ok(["status", mount]);
  expect(status).toContain("b.md");
  expect(status).not.toContain("everything is on the server");
  const refused = await away.smfs(["unmount", mount, "--drain-timeout", "1"]);
  expect(refused.code).toBe(3);
  expect(refused.out + refused.err).toContain("b.md");
  expect(readFileSync(join(mount, "b.md"), "utf8")).toBe("not sent\n");

  await home.ok(["mount", "shared", "--path", join(home.dir, "mounts/shared")]);
  await expect
    .poll(async () => (await away.smfs(["sync", mount])).code, { timeout: 60_000, interval: 200 })
    .toBe(0);
  expect(await away.ok(["status", mount])).toContain("everything is on the server");
  expect(readFileSync(join(home.dir, "mounts/shared/b.md"), "utf8")).toBe("not sent\n");
  expect(await away.ok(["unmount", mount])).toContain("unmounted");
});
