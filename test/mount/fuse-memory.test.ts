import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { root } from "../workspace-files.ts";
import { MemoryMount, python, shell } from "./memory-mount.ts";

let mount: MemoryMount | undefined;

async function start(...options: string[]): Promise<MemoryMount> {
  mount = await MemoryMount.start(options);
  return mount;
}

afterEach(async () => {
  await mount?.stop();
  mount = undefined;
});

const isRoot = process.geteuid?.() === 0;
const modes = [
  { name: "through the daemon", options: [] },
  { name: "as kernels before 5.10 do", options: ["--minor=31", `--without-flags=${1 << 24}`] },
  ...(isRoot ? [{ name: "with passthrough", options: ["--passthrough"] }] : []),
];

describe.each(modes)("programs work $name", ({ options }) => {
  test("[MOUNT-5] cp -r, diff, mv, ls -l, grep -r, tar and rm -r", async () => {
    const { dir } = await start(...options);
    const source = join(root, "packages/core/src");
    const script = `
      cp -r ${source} copy && diff -r ${source} copy
      ls -l copy | grep -q filesystem.ts
      grep -rl "interface FileSystem" copy | grep -q copy/filesystem.ts
      mv copy moved && test ! -e copy && diff -r ${source} moved
      tar cf all.tar moved && mkdir out && tar xf all.tar -C out && diff -r moved out/moved
      cp -a moved again && diff -r moved again
      rm -r moved out again all.tar && test -z "$(ls -A)"`;
    await shell(dir, script);
  });

  test("[MOUNT-5] git init, add, commit, gc, fsck, clone", async () => {
    const { dir } = await start(...options);
    const script = `
      git init -q repo && cd repo
      git config user.email nobody@example.org && git config user.name nobody
      cp -r ${join(root, "packages/core/src")} . && git add . && git commit -qm one
      for i in 1 2 3 4 5; do echo $i >> src/errno.ts; git commit -qam "edit $i"; done
      git gc -q && git fsck --strict 2>&1 && cd .. && git clone -q repo clone && diff -r repo/src clone/src
      cd repo && test -z "$(git status --porcelain)"`;
    await shell(dir, script);
  });

  test("[MOUNT-5] an editor's save: write aside, fsync, rename over", async () => {
    const { dir } = await start(...options);
    const script = `
import os
for n in range(20):
    with open("note.tmp","w") as f:
        f.write("version %d" % n); f.flush(); os.fsync(f.fileno())
    os.rename("note.tmp","note.md")
    assert open("note.md").read() == "version %d" % n
d = os.open(".", os.O_RDONLY); os.fsync(d); os.close(d)
assert os.listdir(".") == ["note.md"]`;
    await python(dir, script);
  });

  test("[PASS-5] writes, truncation, holes, mappings and copies give the same bytes as on the disk", async () => {
    const { dir } = await start(...options);
    const script = `
import mmap, os, random
random.seed(7)
size = 3 << 20
a = open("file","w+b", buffering=0); model = bytearray()
def put(at, data):
    if len(model) < at: model.extend(bytes(at - len(model)))
    model[at:at+len(data)] = data
for _ in range(200):
    what = random.randrange(5)
    if what < 2:
        at = random.randrange(size); data = random.randbytes(random.randrange(1, 70000))
        os.pwrite(a.fileno(), data, at); put(at, data)
    elif what == 2:
        n = random.randrange(size); os.ftruncate(a.fileno(), n)
        if n < len(model): del model[n:]
        else: model.extend(bytes(n - len(model)))
    elif what == 3 and len(model) > 8192:
        with mmap.mmap(a.fileno(), len(model)) as m:
            at = random.randrange(len(model) - 4096); data = random.randbytes(4000)
            m[at:at+4000] = data; put(at, data)
    elif what == 4 and len(model) > 70000:
        n = 4096 * random.randrange(1, 8); src = 4096 * random.randrange(0, 2); dst = 4096 * random.randrange(9, 12)
        done = os.copy_file_range(a.fileno(), a.fileno(), n, src, dst)
        put(dst, bytes(model[src:src+done]))
    assert os.fstat(a.fileno()).st_size == len(model)
    if random.randrange(10) == 0: assert open("file","rb").read() == model
assert open("file","rb").read() == model
os.ftruncate(a.fileno(), 0); os.pwrite(a.fileno(), b"x" * 4096, 1 << 20)
assert os.lseek(a.fileno(), 0, os.SEEK_DATA) == 1 << 20
assert os.lseek(a.fileno(), 0, os.SEEK_HOLE) == 0
b = open("file","ab"); b.write(b"end"); b.close()
assert os.stat("file").st_size == (1 << 20) + 4099
w = open("file","r+b"); w.write(b"y"); w.flush(); assert open("file","rb").read(1) == b"y"`;
    await python(dir, script);
  });

  test("[FUSE-6] [W-40] a file that is deleted while it is open can be read and written until it is closed", async () => {
    const { dir } = await start(...options);
    const script = `
import os
f = open("gone","w+b"); f.write(b"bytes"); f.flush(); os.unlink("gone")
assert not os.path.exists("gone") and os.fstat(f.fileno()).st_nlink == 0
f.write(b" more"); f.flush(); f.seek(0); assert f.read() == b"bytes more"
fd = os.open(".", os.O_TMPFILE | os.O_RDWR); os.write(fd, b"t")
here = os.open(".", os.O_RDONLY)
os.link("/proc/self/fd/%d" % fd, "named", src_dir_fd=here, follow_symlinks=True); assert open("named").read() == "t"`;
    await python(dir, script);
  });

  test("[FUSE-12] [W-41] rm -rf of a large directory deletes everything", async () => {
    const { dir } = await start(...options);
    await shell(dir, "mkdir big && cd big && seq 5000 | xargs touch && test $(ls | wc -l) = 5000");
    await shell(dir, "rm -rf big && test ! -e big");
  });

  test("[FUSE-18] names that are no UTF-8 survive", async () => {
    const { dir } = await start(...options);
    const script = `
import os
for n in (b"\\xff\\xfe", b"caf\\xe9", b"line\\nend", b" ", b"x" * 255):
    open(n, "w").close(); assert n in os.listdir(b".")
try: open(b"x" * 256, "w"); assert False
except OSError as e: assert e.errno == 36`;
    await python(dir, script);
  });

  test("[FUSE-24] locks are the kernel's own", async () => {
    const { dir } = await start(...options);
    const script = `
import fcntl, os
f = open("lock","w"); g = open("lock","w")
fcntl.flock(f, fcntl.LOCK_EX)
try: fcntl.flock(g, fcntl.LOCK_EX | fcntl.LOCK_NB); assert False
except BlockingIOError: pass
fcntl.lockf(f, fcntl.LOCK_EX)
if os.fork() == 0:
    try: fcntl.lockf(g, fcntl.LOCK_EX | fcntl.LOCK_NB); os._exit(1)
    except OSError: os._exit(0)
assert os.wait()[1] == 0`;
    await python(dir, script);
  });
});

describe("changes from elsewhere", () => {
  test("[NOTIFY-5] [W-31] content, attributes, names and listings are seen as soon as they are told", async () => {
    const { dir } = await start();
    const m = mount as MemoryMount;
    await m.tell({ kind: "write", path: "a", text: "one" });
    expect(await shell(dir, "cat a; ls; stat -c %s a; test ! -e b")).toBe("onea\n3\n");
    await m.tell({ kind: "write", path: "a", text: "another one" });
    expect(await shell(dir, "cat a; stat -c %s a")).toBe("another one11\n");
    await m.tell({ kind: "write", path: "b", text: "b" });
    expect(await shell(dir, "cat b; ls")).toBe("ba\nb\n");
    await m.tell({ kind: "rename", path: "b", to: "c" });
    expect(await shell(dir, "ls; test ! -e b; cat c")).toBe("a\nc\nb");
    await m.tell({ kind: "remove", path: "a" });
    expect(await shell(dir, "ls; test ! -e a")).toBe("c\n");
    await m.tell({ kind: "mkdir", path: "d" });
    await m.tell({ kind: "write", path: "d/e", text: "e" });
    expect(await shell(dir, "ls d; cat d/e")).toBe("e\ne");
  });

  test("[NOTIFY-5] the listing of a directory that nobody looked into by name is fresh, too", async () => {
    const { dir } = await start();
    const m = mount as MemoryMount;
    await m.tell({ kind: "mkdir", path: "d" });
    for (let i = 0; i < 5; i += 1) {
      expect((await shell(dir, "ls d | wc -l")).trim()).toBe(String(i));
      await m.tell({ kind: "write", path: `d/${i}`, text: "" });
    }
  });

  test("[NOTIFY-5] a mapping of a file sees its new bytes", async () => {
    const { dir } = await start();
    const m = mount as MemoryMount;
    await m.tell({ kind: "write", path: "a", text: "old bytes" });
    const reading = python(
      dir,
      `
import mmap, time
f = open("a","rb"); m = mmap.mmap(f.fileno(), 9, prot=mmap.PROT_READ)
assert m[:] == b"old bytes"; open("seen","w").close()
for _ in range(500):
    if m[:] == b"new bytes": break
    time.sleep(0.01)
assert m[:] == b"new bytes"`,
    );
    await shell(dir, "until test -e seen; do sleep 0.02; done");
    await m.tell({ kind: "write", path: "a", text: "new bytes" });
    await reading;
  });

  test("[NOTIFY-4] a mkdir that waits in d while a name in d is invalidated completes, 1,000 times", async () => {
    const { dir } = await start();
    const m = mount as MemoryMount;
    await m.tell({ kind: "mkdir", path: "d" });
    await m.tell({ kind: "write", path: "d/n", text: "x" });
    const ino = Number((await shell(dir, "cat d/n; stat -c %i d")).slice(1));
    let slowest: number | undefined;
    const making = python(
      dir,
      `
import os, time
slowest = 0
for n in range(1000):
    s = time.monotonic(); os.mkdir("d/%d" % n); slowest = max(slowest, time.monotonic() - s)
    os.stat("d/n")
print(slowest)`,
    ).then((printed) => {
      slowest = Number(printed);
    });
    let told = 0;
    while (slowest === undefined) {
      const invalidation = {
        kind: "entry",
        parent: ino,
        name: told % 2 === 0 ? "n" : String(told),
      };
      await m.tell([invalidation as never]);
      told += 1;
    }
    await making;
    expect(slowest).toBeLessThan(1);
    expect(told).toBeGreaterThan(100);
    expect((await shell(dir, "ls d | wc -l")).trim()).toBe("1001");
  });
});

describe("operations that wait", () => {
  test("[FUSE-7] an open of a stub waits while others work, and goes on when the bytes are here", async () => {
    const { dir } = await start();
    const m = mount as MemoryMount;
    await m.tell({ kind: "write", path: "stub", text: "fetched" });
    await m.tell({ kind: "stub", path: "stub" });
    const readers = [shell(dir, "cat stub"), shell(dir, "cat stub")];
    for (;;) {
      if ((await m.tell({ kind: "counters" })).parked === 2) break;
    }
    expect(await shell(dir, "echo x > other; cat other; stat -c %s stub")).toBe("x\n7\n");
    await m.tell({ kind: "fill", path: "stub" });
    expect(await Promise.all(readers)).toEqual(["fetched", "fetched"]);
  });

  test("[FUSE-7] when the bytes cannot be had, the open fails with the reason", async () => {
    const { dir } = await start();
    const m = mount as MemoryMount;
    await m.tell({ kind: "write", path: "stub", text: "x" });
    await m.tell({ kind: "stub", path: "stub" });
    const reader = shell(dir, "cat stub");
    for (;;) {
      if ((await m.tell({ kind: "counters" })).parked === 1) break;
    }
    await m.tell({ kind: "fill", path: "stub", errno: "EHOSTUNREACH" });
    await expect(reader).rejects.toThrow("No route to host");
  });

  test("[FUSE-8] a program that waits can be interrupted and killed", async () => {
    const { dir } = await start();
    const m = mount as MemoryMount;
    await m.tell({ kind: "write", path: "stub", text: "x" });
    await m.tell({ kind: "stub", path: "stub" });
    const interrupted = await python(
      dir,
      `
import signal, os
def ring(*_): raise TimeoutError
signal.signal(signal.SIGALRM, ring); signal.setitimer(signal.ITIMER_REAL, 0.3)
try: open("stub"); print("opened")
except TimeoutError: print("interrupted")`,
    );
    expect(interrupted).toBe("interrupted\n");
    await shell(dir, "timeout -s KILL 0.3 cat stub || test $? = 137");
    for (;;) {
      const { parked, waiting } = await m.tell({ kind: "counters" });
      if (parked === 0 && waiting === 0) break;
    }
  });
});
