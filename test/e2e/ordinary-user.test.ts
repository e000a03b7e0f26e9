// As a user who may not mount: fusermount3 does it. Root plays one, in a mount namespace of its own where the FUSE
// device is open to everybody.
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../workspace-files.ts";
import { Device, type Ran, run, scratch } from "./device.ts";

const nobody = 65_534;

/** A script's body runs as an ordinary user in its home; `smfs` is the built command. */
async function asUser(body: string, device: "open" | "closed"): Promise<Ran> {
  const home = join(scratch(), "home");
  mkdirSync(home, { mode: 0o755 });
  chmodSync(join(home, ".."), 0o755);
  const inner = join(home, "script.sh");
  writeFileSync(
    inner,
    `set -eu
cd ${home}
smfs() { node ${home}/checkout/packages/cli/bin/smfs.js "$@"; }
trap 'kill -9 $(cat data/smfs/server/server.json state/smfs/mounts/*.json 2>/dev/null | sed -n "s/.*\\"pid\\": \\([0-9]*\\).*/\\1/p") 2>/dev/null || true' EXIT
${body}
`,
  );
  const { env } = new Device(home);
  if (process.getuid?.() !== 0) return await run("bash", [inner], { cwd: home, env });
  const outer = `set -eu
mount --make-rprivate /
chown -R ${nobody}:${nobody} ${home}
mkdir ${home}/checkout && mount --bind ${root} ${home}/checkout
mknod ${home}/fuse c 10 229
chmod ${device === "open" ? "666" : "600"} ${home}/fuse
mount --bind ${home}/fuse /dev/fuse
exec setpriv --reuid=${nobody} --regid=${nobody} --clear-groups bash ${inner}`;
  return await run("unshare", ["-m", "bash", "-c", outer], { cwd: "/", env });
}

test("[E2E-13] an ordinary user mounts, writes, syncs and unmounts, and owns the files", async () => {
  const { code, out, err } = await asUser(
    `smfs mount notes
echo hello > notes/a.md
stat -c 'owner %u %a' notes/a.md
smfs sync notes
smfs unmount notes`,
    "open",
  );
  expect(code, out + err).toBe(0);
  const uid = process.getuid?.() === 0 ? nobody : process.getuid?.();
  expect(out).toContain(`owner ${uid} 644`);
  expect(out).toContain("notes is in sync");
  expect(out).toContain("unmounted");
});

test("[E2E-14] what a machine lacks for mounting is named with the command that gets it", async () => {
  expect(existsSync("/dev/fuse")).toBe(true);
  const { code, out, err } = await asUser("smfs mount notes", "closed");
  if (process.getuid?.() === 0) {
    expect(code, out + err).toBe(1);
    expect(err).toContain("the FUSE device /dev/fuse cannot be opened");
    expect(err).toContain("chmod 0666 /dev/fuse");
  } else {
    expect(code).toBe(0);
  }
});
