// Every capability of the kernel forced off, one at a time and all together: what was not offered is not used, and
// everything still works.
import { afterEach, expect, test } from "vitest";
import * as flags from "../../packages/fuse/src/flags.ts";
import { MemoryMount, python } from "./memory-mount.ts";

let mount: MemoryMount | undefined;

afterEach(async () => {
  await mount?.stop();
  mount = undefined;
});

/** Writes, reads, lists, renames, maps and appends: each way that depends on a capability. */
const script = `
import mmap, os
os.mkdir("d")
for i in range(300): open("d/%d" % i, "w").write(str(i))
assert sorted(os.listdir("d")) == sorted(str(i) for i in range(300))
assert [e.stat().st_size for e in os.scandir("d") if e.name == "299"] == [3]
big = os.urandom(700000)
with open("big", "wb", buffering=0) as f: f.write(big)
assert open("big", "rb").read() == big
fd = os.open("big", os.O_RDWR)
with mmap.mmap(fd, 700000) as m: assert m[:] == big; m[5:9] = b"ABCD"
os.fsync(fd); assert open("big", "rb").read(12)[5:9] == b"ABCD"
os.close(fd)
a = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND); b = os.open("log", os.O_WRONLY | os.O_APPEND)
for i in range(20): os.write(a, b"a"); os.write(b, b"b")
assert open("log").read() == "ab" * 20
open("log", "w").write("short"); assert open("log").read() == "short"
os.symlink("log", "link"); assert os.readlink("link") == "log" and open("link").read() == "short"
os.umask(0o027); open("masked", "w").close(); assert os.stat("masked").st_mode & 0o777 == 0o640
os.chmod("log", 0o4755); os.rename("log", "moved"); assert os.stat("moved").st_mode & 0o7777 == 0o4755
os.setxattr("moved", "user.x", b"v"); assert os.getxattr("moved", "user.x") == b"v"
for i in range(300): os.unlink("d/%d" % i)
os.rmdir("d")`;

const names = Object.entries(flags).filter(
  ([name]) => name.startsWith("FUSE_") && !/WRITEBACK|AUTO_INVAL|KILL|FDATASYNC|_2$/.test(name),
);
const killpriv = ["FUSE_HANDLE_KILLPRIV_V2", flags.FUSE_HANDLE_KILLPRIV_V2] as const;

test.each([...names, killpriv])("[FUSE-3] %s forced off: everything works", async (_name, flag) => {
  mount = await MemoryMount.start([`--without-flags=${flag}`]);
  await python(mount.dir, script);
});

test.each([
  ["every flag", ["--without-flags=-1"]],
  ["the flags and the protocol of Linux 5.4", ["--without-flags=-1", "--minor=31"]],
  ["the protocol of Linux 5.10", ["--minor=32", `--without-flags=${flags.FUSE_INIT_EXT}`]],
  ["passthrough", ["--passthrough", `--without-flags2=${flags.FUSE_PASSTHROUGH_2}`]],
])("[FUSE-3] without %s: everything works", async (_name, options) => {
  mount = await MemoryMount.start(options);
  await python(mount.dir, script);
  expect(mount.stderr).toBe("");
});
