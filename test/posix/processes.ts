// What takes several processes, or calls that are easier made from Python: locks, handles, streams, signals, events.
import { spawnSync } from "node:child_process";
import type { Case, World } from "./world.ts";

/** What every script may use: `see`, which notes a line; `tried`, which tells the errno; `child`, which forks. */
const prelude = `
import ctypes, errno, fcntl, mmap, os, resource, signal, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def see(what, value=""): print(what, value, flush=True)
def tried(action):
    try: return action()
    except OSError as e: return errno.errorcode[e.errno]
def checked(result):
    if result == -1: raise OSError(ctypes.get_errno(), "")
    return result
def child(action):
    pid = os.fork()
    if pid == 0:
        try: action()
        finally: os._exit(0)
    return pid
def ended(pid): return os.waitpid(pid, 0)[1]
def waits(pid):
    for _ in range(6000):
        if any("->" in l and str(pid) in l.split() for l in open("/proc/locks")): return True
        time.sleep(0.01)
    return False
os.umask(0)
`;

/** Runs Python in the case's directory; each line that it prints is seen. */
function python(w: World, script: string): void {
  const ran = spawnSync("python3", ["-c", prelude + script], { cwd: w.dir, encoding: "utf8" });
  if (ran.status !== 0) throw new Error(`python: ${ran.stderr}`);
  for (const line of ran.stdout.split("\n").slice(0, -1)) w.see("python", line);
}

const scripts: Readonly<Record<string, string>> = {
  "record locks of two processes": `
f = os.open("a", os.O_RDWR | os.O_CREAT); os.write(f, b"0123456789")
r, w = os.pipe(); r2, w2 = os.pipe()
def other():
    g = os.open("a", os.O_RDWR)
    see("shared below", tried(lambda: fcntl.lockf(g, fcntl.LOCK_SH | fcntl.LOCK_NB, 5, 0)))
    see("exclusive above", tried(lambda: fcntl.lockf(g, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, 5)))
    lock = struct.pack("hhqqi", fcntl.F_WRLCK, 0, 5, 5, 0)
    told = struct.unpack("hhqqi", fcntl.fcntl(g, fcntl.F_GETLK, lock))
    see("who has it", (told[0] == fcntl.F_WRLCK, told[2], told[3], told[4] == os.getppid()))
    os.write(w2, b"x"); fcntl.lockf(g, fcntl.LOCK_EX, 5, 5); see("has it now")
fcntl.lockf(f, fcntl.LOCK_EX, 5, 5)
pid = child(other); os.read(r2, 1); see("waits", waits(pid))
os.close(os.open("a", os.O_RDONLY))
see("closing any descriptor lets go", ended(pid))`,
  "a deadlock of record locks is refused": `
f = os.open("a", os.O_RDWR | os.O_CREAT); os.write(f, b"01")
fcntl.lockf(f, fcntl.LOCK_EX, 1, 0); r, w = os.pipe()
def other():
    g = os.open("a", os.O_RDWR); fcntl.lockf(g, fcntl.LOCK_EX, 1, 1); os.write(w, b"x")
    fcntl.lockf(g, fcntl.LOCK_EX, 1, 0); see("other has both")
pid = child(other); os.read(r, 1); see("waits", waits(pid))
see("deadlock", tried(lambda: fcntl.lockf(f, fcntl.LOCK_EX, 1, 1)))
fcntl.lockf(f, fcntl.LOCK_UN); see("other", ended(pid))`,
  "locks of open file descriptions": `
F_OFD_GETLK, F_OFD_SETLK = 36, 37
def lock(f, kind): return tried(lambda: fcntl.fcntl(f, F_OFD_SETLK, struct.pack("hhqqi", kind, 0, 0, 0, 0)) and 0)
a = os.open("a", os.O_RDWR | os.O_CREAT); b = os.open("a", os.O_RDWR); c = os.dup(a)
see("a", lock(a, fcntl.F_WRLCK)); see("b", lock(b, fcntl.F_WRLCK)); see("c is a", lock(c, fcntl.F_RDLCK))
see("shared", lock(b, fcntl.F_RDLCK)); os.close(a); see("c holds it", lock(b, fcntl.F_WRLCK))
os.close(c); see("gone with the last", lock(b, fcntl.F_WRLCK))`,
  "a wait for a lock can be interrupted": `
f = os.open("a", os.O_RDWR | os.O_CREAT); fcntl.flock(f, fcntl.LOCK_EX)
def other():
    g = os.open("a", os.O_RDWR); signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError()))
    try: fcntl.flock(g, fcntl.LOCK_EX)
    except TimeoutError: see("interrupted")
pid = child(other); see("waits", waits(pid)); os.kill(pid, signal.SIGALRM); see("other", ended(pid))
def killed(): fcntl.flock(os.open("a", os.O_RDWR), fcntl.LOCK_EX)
pid = child(killed); see("waits", waits(pid)); os.kill(pid, signal.SIGKILL); see("killed", ended(pid))`,
  "lines appended by four processes are all there": `
def writer(n):
    f = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for i in range(300): os.write(f, b"%d:%03d%s\\n" % (n, i, b"x" * (i % 50)))
for pid in [child(lambda n=n: writer(n)) for n in range(4)]: ended(pid)
lines = open("log", "rb").read().split(b"\\n")
see("lines", (len(lines), len(set(lines)), all(len(l) == 5 + int(l[2:5]) % 50 for l in lines if l)))
order = [[l for l in lines if l.startswith(b"%d:" % n)] for n in range(4)]
see("in order", all(o == sorted(o, key=lambda l: int(l[2:5])) for o in order))`,
  "mappings of two processes are one memory, and end with the file": `
f = os.open("a", os.O_RDWR | os.O_CREAT); os.write(f, b"0" * 8192); m = mmap.mmap(f, 8192)
def other():
    n = mmap.mmap(os.open("a", os.O_RDWR), 8192); n[5000:5005] = b"other"
ended(child(other)); see("seen", (m[4999:5006], os.pread(f, 7, 4999)))
os.ftruncate(f, 100)
def beyond(): sys.stdout.flush(); m[5000]
see("beyond the end", ended(child(beyond)) & 127)
see("within the last page", m[200]); os.ftruncate(f, 8192); see("again", m[5000])
os.unlink("a"); m[0:3] = b"end"; see("without a name", os.pread(f, 3, 0)); m.flush()`,
  "programs are run, and not written while they run": `
import shutil, subprocess
shutil.copy(shutil.which("sleep"), "prog"); os.chmod("prog", 0o755)
p = subprocess.Popen(["./prog", "20"]); time.sleep(0.1)
see("write", tried(lambda: os.open("prog", os.O_WRONLY))); see("truncate", tried(lambda: os.truncate("prog", 0)))
see("replace", tried(lambda: os.rename(shutil.copy("prog", "new"), "prog")))
p.kill(); p.wait(); f = os.open("prog", os.O_RDWR)
see("run while written", tried(lambda: subprocess.call(["./prog", "0"]))); os.close(f)
see("run", subprocess.call(["./prog", "0"]))
open("script", "w").write("#!/bin/sh\\necho from a script\\n"); os.chmod("script", 0o755)
see("script", subprocess.check_output("./script")); os.chmod("script", 0o644)
see("without the bit", tried(lambda: subprocess.call("./script")))`,
  "telldir, seekdir and rewinddir": `
libc.opendir.restype = ctypes.c_void_p; libc.readdir.restype = ctypes.c_void_p; libc.telldir.restype = ctypes.c_long
def name(d):
    e = libc.readdir(ctypes.c_void_p(d))
    return ctypes.string_at(e + 19) if e else None
for i in range(1000): open("f%d" % i, "w").close()
d = libc.opendir(b"."); seen = []; marks = []
while True:
    marks.append(libc.telldir(ctypes.c_void_p(d))); n = name(d)
    if n is None: break
    seen.append(n)
see("all", (len(seen), len(set(seen))))
back = []
for i in (700, 3, 999, 0, 500):
    libc.seekdir(ctypes.c_void_p(d), ctypes.c_long(marks[i])); back.append(name(d) == seen[i])
see("each mark leads back", back)
libc.seekdir(ctypes.c_void_p(d), ctypes.c_long(marks[400]))
for n in seen[300:500]: os.path.isfile(n) and os.unlink(n)
rest = []
while (n := name(d)) is not None: rest.append(n)
see("what is left follows, once", (set(seen[500:]) <= set(rest), len(rest) == len(set(rest))))
open("late", "w").close(); libc.rewinddir(ctypes.c_void_p(d)); again = []
while (n := name(d)) is not None: again.append(n)
see("from the start", (len(again), b"late" in again))`,
  "vectors, places and flags of reads and writes": `
f = os.open("a", os.O_RDWR | os.O_CREAT)
see("writev", os.writev(f, [b"one ", b"two ", b"three"])); see("pwritev", os.pwritev(f, [b"ONE", b"!"], 0))
see("append", tried(lambda: os.pwritev(f, [b"end"], 0, os.RWF_APPEND if hasattr(os, "RWF_APPEND") else 16)))
parts = [bytearray(4), bytearray(30)]; see("preadv", (os.preadv(f, parts, 0), parts[0], parts[1].rstrip(b"\\0")))
see("dsync", os.pwritev(f, [b"D"], 1, os.RWF_DSYNC)); see("content", open("a").read())
g = os.open("b", os.O_RDWR | os.O_CREAT); see("sendfile", os.sendfile(g, f, 4, 100)); see("b", open("b").read())
r, w = os.pipe(); see("splice out", os.splice(f, w, 5, offset_src=0)); see("splice in", os.splice(r, g, 5, offset_dst=20))
see("b", open("b").read()); see("seek", (os.lseek(f, -3, os.SEEK_END), os.read(f, 9), tried(lambda: os.lseek(f, -1, 0))))`,
  "reads and writes past the cache": `
try: f = os.open("a", os.O_RDWR | os.O_CREAT | os.O_DIRECT)
except OSError: f = os.open("a", os.O_RDWR | os.O_CREAT)
page = mmap.mmap(-1, 8192); page[:] = b"d" * 8192
see("write", os.pwritev(f, [page], 0)); plain = os.open("a", os.O_RDWR); see("seen", os.pread(plain, 3, 8000))
os.pwrite(plain, b"plain", 4000); see("read", (os.preadv(f, [page], 0), page[3999:4006]))
os.ftruncate(plain, 5000); see("short", os.preadv(f, [page], 4096)); see("end", os.preadv(f, [page], 8192))`,
  "a limit on the size of files": `
signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))
f = os.open("a", os.O_RDWR | os.O_CREAT); see("short", os.write(f, b"x" * 12000))
see("beyond", tried(lambda: os.write(f, b"x"))); see("truncate", tried(lambda: os.ftruncate(f, 10001)))
see("allocate", tried(lambda: os.posix_fallocate(f, 9000, 5000))); see("size", os.fstat(f).st_size)`,
  "what inotify tells of one's own changes": `
os.mkdir("d"); i = libc.inotify_init1(os.O_NONBLOCK); libc.inotify_add_watch(i, b"d", 0x3ff | 0xC00)
def events():
    try: data = os.read(i, 65536)
    except BlockingIOError: return []
    out = []; at = 0
    while at < len(data):
        _, mask, cookie, n = struct.unpack_from("iIII", data, at); out.append((hex(mask), data[at + 16:at + 16 + n].rstrip(b"\\0"), cookie != 0)); at += 16 + n
    return out
f = os.open("d/a", os.O_RDWR | os.O_CREAT); see("create", events()); os.write(f, b"x"); see("write", events())
os.ftruncate(f, 0); see("truncate", events()); os.close(f); see("close", events()); os.chmod("d/a", 0o600); see("chmod", events())
os.rename("d/a", "d/b"); see("rename", events()); os.link("d/b", "d/c"); see("link", events()); os.unlink("d/b"); see("unlink", events())
os.mkdir("d/e"); os.rmdir("d/e"); see("directory", events()); os.unlink("d/c"); os.rmdir("d"); see("itself", events()[-2:])`,
  "extended attributes of every kind of file, many and large": `
os.mkdir("d"); open("a", "w").close(); os.symlink("a", "l"); os.mkfifo("p")
for n in "a", "d", "l", "p": see(n, tried(lambda: os.setxattr(n, "user.x", b"v", follow_symlinks=False)))
see("through the link", (tried(lambda: os.setxattr("l", "user.y", b"w")), os.getxattr("a", "user.y")))
for i in range(60): os.setxattr("a", "user.n%d" % i, b"%d" % i)
see("many", (len(os.listxattr("a")), os.getxattr("a", "user.n59")))
see("large", tried(lambda: os.setxattr("a", "user.large", b"L" * 3000))); see("back", len(os.getxattr("a", "user.large")))
see("too large", tried(lambda: os.setxattr("a", "user.huge", b"L" * 65537)))
os.chmod("d", 0o1777); see("sticky", tried(lambda: os.setxattr("d", "user.z", b"v")))
os.rename("a", "b"); os.link("b", "c"); os.unlink("b"); see("kept", (os.getxattr("c", "user.n3"), len(os.listxattr("c"))))
f = os.open("c", os.O_RDONLY); os.unlink("c"); see("without a name", os.getxattr(f, "user.n4"))`,
  "calls through descriptors of directories": `
os.mkdir("d"); d = os.open("d", os.O_PATH | os.O_DIRECTORY); os.rename("d", "e")
os.mkdir("in", dir_fd=d); f = os.open("a", os.O_RDWR | os.O_CREAT, 0o600, dir_fd=d); os.symlink("a", "l", dir_fd=d)
os.link("a", "b", src_dir_fd=d, dst_dir_fd=d); os.rename("b", "in/b", src_dir_fd=d, dst_dir_fd=d); see("e", (sorted(os.listdir("e")), os.listdir("e/in")))
os.chmod("a", 0o640, dir_fd=d); os.utime("l", ns=(5, 6), dir_fd=d, follow_symlinks=False); s = os.stat("l", dir_fd=d, follow_symlinks=False)
see("l", (s.st_mtime_ns, os.readlink("l", dir_fd=d))); see("a", oct(os.stat("a", dir_fd=d).st_mode)); os.unlink("a", dir_fd=d); os.rmdir("e/in") if not os.listdir("e/in") else None
p = os.open("e/in/b", os.O_PATH); see("path only", (tried(lambda: os.read(p, 1)), tried(lambda: os.fsync(p)), os.fstat(p).st_nlink))
q = os.open("/proc/self/fd/%d" % p, os.O_RDWR); see("opened from it", os.write(q, b"x")); see("a file is none", tried(lambda: os.open("x", 0, dir_fd=q)))`,
  "fallocate's other modes": `
f = os.open("a", os.O_RDWR | os.O_CREAT); os.write(f, b"x" * 65536)
def fallocate(mode, at, size): return tried(lambda: checked(libc.fallocate(f, mode, ctypes.c_int64(at), ctypes.c_int64(size))))
see("collapse", fallocate(8, 4096, 4096)); see("insert", fallocate(32, 4096, 4096)); see("unshare", fallocate(64, 0, 4096) in (0, "ENOTSUP"))
see("unknown", fallocate(512, 0, 4096)); see("punch beyond", fallocate(3, 60000, 50000)); see("size", os.fstat(f).st_size)
see("content", (os.pread(f, 3, 59998), os.pread(f, 9, 65530))); see("far", fallocate(0, 2**62, 2**62)); see("on a fifo", tried(lambda: os.posix_fallocate(os.pipe()[1], 0, 9)))`,
};

/** Root's alone. */
const handleScript = `
def handle(name):
    buffer = ctypes.create_string_buffer(8 + 128); struct.pack_into("I", buffer, 0, 128); mount = ctypes.c_int()
    checked(libc.name_to_handle_at(-100, name.encode(), buffer, ctypes.byref(mount), 0)); return buffer
root = os.open(".", os.O_RDONLY)
def opened(h, flags=os.O_RDONLY): return tried(lambda: checked(libc.open_by_handle_at(root, h, flags)))
open("a", "w").write("text"); os.makedirs("d/e"); a = handle("a"); e = handle("d/e")
see("a", os.read(opened(a), 9)); see("same", bytes(handle("a")[8:]) == bytes(a[8:]))
os.rename("a", "d/b"); see("after a rename", os.read(opened(a), 9))
os.rename("d", "x"); f = opened(e, os.O_RDONLY | os.O_DIRECTORY); open("x/e/in", "w").close(); see("a directory", os.listdir(f))
see("its parent", sorted(os.listdir(os.open("..", os.O_RDONLY, dir_fd=f)))); os.close(f)
g = opened(a); os.unlink("x/b"); see("unlinked, open", os.read(opened(a), 9)); os.close(g)`;

const run = (script: string): Case => {
  return (w) => python(w, script);
};

export const processCases: Readonly<Record<string, Case>> = Object.fromEntries(
  Object.entries(scripts).map(([title, script]) => [title, run(script)]),
);

/** Cases that only root may run. */
export const handleCases: Readonly<Record<string, Case>> = {
  "files and directories opened by their handles": run(handleScript),
};
