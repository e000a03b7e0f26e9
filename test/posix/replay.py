# Calls as the model test makes them, each with what it answers. Run in an empty directory.
import ctypes, errno, os, re, stat
os.umask(0)
libc = ctypes.CDLL(None, use_errno=True)
slots = [None] * 4
class Closed(Exception): pass
def checked(result):
    if result < 0: raise OSError(ctypes.get_errno(), "")
    return result
def fd(slot):
    if slots[slot] is None: raise Closed()
    return slots[slot]
def close(slot):
    os.close(fd(slot))
    slots[slot] = None
def open_(slot, path, flags):
    if slots[slot] is not None: close(slot)
    slots[slot] = os.open(path, flags, 0o644)
def renameat2(a, b, flags): return checked(libc.renameat2(-100, a.encode(), -100, b.encode(), flags))
def fallocate(f, mode, at, size): return checked(libc.fallocate(f, mode, ctypes.c_int64(at), ctypes.c_int64(size)))
def truncate(path, size):
    if os.path.isfile(path) and os.stat(path).st_size == size: return
    os.truncate(path, size)
def runs(data): return " ".join("%c*%d" % (m[0][0] or 48, len(m[0])) for m in re.finditer(rb"(.)\1*", data, re.S))
def describe(path):
    s = os.lstat(path)
    size = None if stat.S_ISDIR(s.st_mode) else s.st_size
    mtime = s.st_mtime_ns if s.st_mtime_ns < 10**12 and not stat.S_ISFIFO(s.st_mode) else "now"
    return "%o links=%d owner=%d:%d size=%s mtime=%s" % (s.st_mode, s.st_nlink, s.st_uid, s.st_gid, size, mtime)
count = 0
def call(action):
    global count
    count += 1
    try: print(count, "ok", action())
    except Closed: print(count, "closed")
    except OSError as e: print(count, errno.errorcode[e.errno])
def tree():
    for base, dirs, files in os.walk("."):
        dirs.sort()
        for name in sorted(dirs + files):
            path = os.path.join(base, name)
            print(path, describe(path), os.readlink(path) if os.path.islink(path) else "")
            if not stat.S_ISREG(os.lstat(path).st_mode): continue
            f = os.open(path, os.O_RDONLY)
            size = os.fstat(f).st_size
            print("  ", runs(os.pread(f, 300000, 0)), "...", runs(os.pread(f, 300000, max(0, size - 300000))))
            os.close(f)
