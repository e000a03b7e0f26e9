// Access lists (acl(5)): who may what by them, what is inherited, and how they and the mode bits move together.
import { as, O_CREAT, O_RDONLY, O_WRONLY, type Result, sys } from "./syscalls.ts";
import type { Case, World } from "./world.ts";

const access = "system.posix_acl_access";
const byDefault = "system.posix_acl_default";

const tags = { u: 0x01, user: 0x02, g: 0x04, group: 0x08, m: 0x10, o: 0x20 } as const;
const nobody = 0xffff_ffff;

type Entry = readonly [tag: keyof typeof tags, permissions: number, id?: number];

/** The bytes of a list: a version, and entries of tag, permissions and id. */
function list(...entries: readonly Entry[]): Buffer {
  const bytes = Buffer.alloc(4 + entries.length * 8);
  bytes.writeUInt32LE(2);
  entries.forEach(([tag, permissions, id = nobody], index) => {
    bytes.writeUInt16LE(tags[tag], 4 + index * 8);
    bytes.writeUInt16LE(permissions, 6 + index * 8);
    bytes.writeUInt32LE(id, 8 + index * 8);
  });
  return bytes;
}

function set(w: World, name: string, attribute: string, acl: Buffer): Result {
  return sys.setxattr(w.path(name), attribute, acl, acl.byteLength, 0);
}

function get(w: World, name: string, attribute: string): string {
  const into = Buffer.alloc(500);
  const count = sys.getxattr(w.path(name), attribute, into, 500);
  if (typeof count !== "number") return count;
  const entries: string[] = [];
  for (let at = 4; at < count; at += 8) {
    const tag = Object.entries(tags).find(([, bit]) => bit === into.readUInt16LE(at))?.[0];
    const id = into.readUInt32LE(at + 4);
    entries.push(`${tag}${id === nobody ? "" : `:${id}`}:${into.readUInt16LE(at + 2)}`);
  }
  return entries.join(" ");
}

function opened(result: Result): Result {
  if (typeof result === "number") sys.close(result);
  return typeof result === "number" ? "ok" : result;
}

const owner = 1001;
const friend = 1002;
const stranger = 1003;
const team = 2002;
const full = list(["u", 6], ["user", 6, friend], ["g", 4], ["group", 4, team], ["m", 6], ["o", 0]);

/** What users may do with a file. */
function tries(w: World, name: string): unknown[] {
  const users = [
    [owner, 2001],
    [friend, 2009],
    [stranger, team],
    [stranger, 2009],
  ] as const;
  return users.map(([uid, gid]) =>
    as(uid, gid, () =>
      [O_RDONLY, O_WRONLY].map((flags) => opened(sys.open(w.path(name), flags, 0))),
    ),
  );
}

export const aclCases: Readonly<Record<string, Case>> = {
  "an access list decides": (w) => {
    sys.chmod(w.dir, 0o777);
    w.file("a", "bytes", 0o600);
    sys.chown(w.path("a"), owner, 2001);
    w.see("before", tries(w, "a"));
    w.see("set", set(w, "a", access, full));
    w.see("mode", w.stat("a"));
    w.see("list", get(w, "a", access));
    w.see("now", tries(w, "a"));
    w.see("mask down", sys.chmod(w.path("a"), 0o640));
    w.see("list", get(w, "a", access));
    w.see("now", tries(w, "a"));
    w.see("minimal", set(w, "a", access, list(["u", 6], ["g", 4], ["o", 4])));
    w.see("mode", [w.stat("a"), get(w, "a", access)]);
    w.see("removed", [sys.removexattr(w.path("a"), access), w.stat("a")]);
  },
  "who may set a list": (w) => {
    sys.chmod(w.dir, 0o777);
    w.file("a", "bytes", 0o600);
    sys.chown(w.path("a"), owner, 2001);
    w.see(
      "stranger",
      as(stranger, 2009, () => set(w, "a", access, full)),
    );
    w.see(
      "owner",
      as(owner, 2001, () => set(w, "a", access, full)),
    );
    w.see("mode", w.stat("a"));
  },
  "a list that is none": (w) => {
    w.file("a");
    w.see("no version", set(w, "a", access, Buffer.alloc(4)));
    w.see("half an entry", set(w, "a", access, full.subarray(0, 9)));
    w.see("no mask", set(w, "a", access, list(["u", 6], ["user", 6, 5], ["g", 4], ["o", 0])));
    w.see("twice", set(w, "a", access, list(["u", 6], ["u", 6], ["g", 4], ["o", 0])));
    w.see("default of a file", set(w, "a", byDefault, full));
    w.see("mode", [w.stat("a"), get(w, "a", access)]);
  },
  "a default list is inherited": (w) => {
    const before = sys.umask(0o077);
    w.directory("d", 0o755);
    w.see("set", set(w, "d", byDefault, full));
    w.see("d", [w.stat("d"), get(w, "d", access), get(w, "d", byDefault)]);
    opened(sys.open(w.path("d/f"), O_CREAT | O_WRONLY, 0o666));
    opened(sys.open(w.path("d/small"), O_CREAT | O_WRONLY, 0o600));
    w.directory("d/e", 0o777);
    opened(sys.open(w.path("d/e/g"), O_CREAT | O_WRONLY, 0o644));
    sys.mknod(w.path("d/p"), 0o010666, 0);
    sys.umask(before as number);
    for (const name of ["d/f", "d/small", "d/e", "d/e/g", "d/p"]) {
      w.see(name, [w.stat(name), get(w, name, access), get(w, name, byDefault)]);
    }
    w.see("removed", sys.removexattr(w.path("d"), byDefault));
    opened(sys.open(w.path("d/late"), O_CREAT | O_WRONLY, 0o666));
    w.see("d/late", [w.stat("d/late"), get(w, "d/late", access)]);
  },
  "a list goes with a rename and a link, not with a copy of the mode": (w) => {
    w.file("a");
    set(w, "a", access, full);
    sys.link(w.path("a"), w.path("b"));
    sys.rename(w.path("a"), w.path("c"));
    w.see("b and c", [get(w, "b", access), get(w, "c", access)]);
  },
};
