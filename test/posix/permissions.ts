// Who may do what: as root, as an owner, as a member of the group, as anybody else. Root runs them.
import {
  AT_FDCWD,
  as,
  O_CREAT,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  type Result,
  sys,
} from "./syscalls.ts";
import type { Case, World } from "./world.ts";

const owner = 1001;
const group = 2001;
const other = 1002;
const users = { owner: [owner, group], member: [other, group], stranger: [other, 2002] } as const;

function opened(result: Result): Result {
  if (typeof result === "number") sys.close(result);
  return typeof result === "number" ? "ok" : result;
}

/** A file or directory of the owner's. */
function owned(w: World, name: string, mode: number, isDirectory = false): string {
  if (isDirectory) w.directory(name);
  else w.file(name, "bytes");
  sys.chown(w.path(name), owner, group);
  sys.chmod(w.path(name), mode);
  return w.path(name);
}

/** What each kind of user is answered. */
function byUser(w: World, what: string, action: (name: string) => Result): void {
  for (const [name, [uid, gid]] of Object.entries(users)) {
    w.see(
      `${what} by ${name}`,
      as(uid, gid, () => action(name)),
    );
  }
}

export const permissionCases: Readonly<Record<string, Case>> = {
  "reading, writing and truncating by permission bits": (w) => {
    sys.chmod(w.dir, 0o777);
    for (const mode of [0o000, 0o400, 0o200, 0o600, 0o640, 0o604, 0o444, 0o222, 0o006, 0o060]) {
      const path = owned(w, `m${mode.toString(8)}`, mode);
      const name = mode.toString(8);
      byUser(w, `${name} read`, () => opened(sys.open(path, O_RDONLY, 0)));
      byUser(w, `${name} write`, () => opened(sys.open(path, O_WRONLY, 0)));
      byUser(w, `${name} empty`, () => opened(sys.open(path, O_WRONLY | O_TRUNC, 0)));
      byUser(w, `${name} truncate`, () => sys.truncate(path, 1));
      byUser(w, `${name} utimes`, () => sys.utimensat(AT_FDCWD, path, null, 0));
    }
  },
  "using a directory by permission bits": (w) => {
    sys.chmod(w.dir, 0o777);
    for (const mode of [0o000, 0o500, 0o300, 0o700, 0o750, 0o705, 0o711, 0o733, 0o755]) {
      const name = mode.toString(8);
      const dir = owned(w, `d${name}`, mode, true);
      owned(w, `d${name}/file`, 0o666);
      byUser(w, `${name} list`, () => opened(sys.open(dir, O_RDONLY, 0)));
      byUser(w, `${name} open in`, () => opened(sys.open(`${dir}/file`, O_RDONLY, 0)));
      byUser(w, `${name} create in`, (n) =>
        opened(sys.open(`${dir}/${n}`, O_CREAT | O_WRONLY, 0o600)),
      );
      byUser(w, `${name} mkdir in`, (n) => sys.mkdir(`${dir}/d${n}`, 0o700));
      byUser(w, `${name} rename in`, (n) => sys.rename(`${dir}/${n}`, `${dir}/r${n}`));
      byUser(w, `${name} unlink in`, (n) => sys.unlink(`${dir}/r${n}`));
      byUser(w, `${name} link in`, (n) => sys.link(`${dir}/file`, `${dir}/l${n}`));
    }
  },
  "what is made belongs to who makes it": (w) => {
    sys.chmod(w.dir, 0o777);
    byUser(w, "create", (n) => opened(sys.open(w.path(n), O_CREAT | O_WRONLY, 0o640)));
    byUser(w, "mkdir", (n) => sys.mkdir(w.path(`d${n}`), 0o750));
    byUser(w, "symlink", (n) => sys.symlink("x", w.path(`s${n}`)));
    byUser(w, "mkfifo", (n) => sys.mknod(w.path(`f${n}`), 0o010640, 0));
    w.see(
      "all",
      w.list().map((name) => `${name} ${w.stat(name)}`),
    );
  },
  "a sticky directory protects what is in it": (w) => {
    const dir = owned(w, "tmp", 0o1777, true);
    byUser(w, "create", (n) => opened(sys.open(`${dir}/${n}`, O_CREAT | O_WRONLY, 0o666)));
    w.see("names", w.list("tmp"));
    owned(w, "tmp/foreign", 0o666);
    sys.chown(w.path("tmp/foreign"), 1003, 2003);
    byUser(w, "unlink foreign", () => sys.unlink(`${dir}/foreign`));
    w.file("tmp/again");
    byUser(w, "rename root's", () => sys.rename(`${dir}/again`, `${dir}/moved`));
    w.file("tmp/over");
    byUser(w, "rename over root's", (n) => {
      opened(sys.open(`${dir}/mine-${n}`, O_CREAT | O_WRONLY, 0o666));
      return sys.rename(`${dir}/mine-${n}`, `${dir}/over`);
    });
  },
  "in a set-group-id directory everything has its group": (w) => {
    const dir = owned(w, "shared", 0o2777, true);
    byUser(w, "create", (n) => opened(sys.open(`${dir}/${n}`, O_CREAT | O_WRONLY, 0o664)));
    byUser(w, "mkdir", (n) => sys.mkdir(`${dir}/d${n}`, 0o755));
    byUser(w, "create executable", (n) =>
      opened(sys.open(`${dir}/x${n}`, O_CREAT | O_WRONLY, 0o2775)),
    );
    byUser(w, "symlink", (n) => sys.symlink("x", `${dir}/s${n}`));
    w.see(
      "all",
      w.list("shared").map((name) => `${name} ${w.stat(`shared/${name}`)}`),
    );
  },
  "chmod and chown: who may, and what they clear": (w) => {
    sys.chmod(w.dir, 0o777);
    const path = owned(w, "a", 0o644);
    byUser(w, "chmod", (n) => sys.chmod(path, n === "owner" ? 0o600 : 0o777));
    byUser(w, "chown to oneself", () => sys.chown(path, other, 0xffff_ffff));
    byUser(w, "chgrp to the own group", () => sys.chown(path, 0xffff_ffff, group));
    byUser(w, "chgrp to a foreign group", () => sys.chown(path, 0xffff_ffff, 2009));
    byUser(w, "chown to nobody new", () => sys.chown(path, 0xffff_ffff, 0xffff_ffff));
    w.see("a", w.stat("a"));
    sys.chmod(path, 0o6755);
    w.see("suid", w.stat("a"));
    w.see("chown by root", sys.chown(path, owner, group));
    w.see("clears suid", w.stat("a"));
    sys.chmod(path, 0o6755);
    as(owner, group, () => sys.chown(path, 0xffff_ffff, group));
    w.see("chgrp by the owner clears", w.stat("a"));
    sys.chmod(path, 0o2745);
    sys.chown(path, owner, group);
    w.see("sgid without group execution stays", w.stat("a"));
    as(owner, 2002, () => sys.chmod(path, 0o2755));
    w.see("sgid of a foreign group is not set", w.stat("a"));
    owned(w, "d", 0o2755, true);
    sys.chown(w.path("d"), other, group);
    w.see("a directory keeps sgid", w.stat("d"));
  },
  "writing clears set-user-id and set-group-id": (w) => {
    sys.chmod(w.dir, 0o777);
    const path = owned(w, "a", 0o6777);
    const writeAs = (uid: number, gid: number) =>
      as(uid, gid, () => {
        const fd = sys.open(path, O_WRONLY, 0) as number;
        const written = sys.write(fd, Buffer.from("x"), 1);
        sys.close(fd);
        return written;
      });
    w.see("by root", [writeAs(0, 0), w.stat("a")]);
    sys.chmod(path, 0o6777);
    w.see("by a stranger", [writeAs(other, 2002), w.stat("a")]);
    sys.chmod(path, 0o6777);
    w.see("by the owner", [writeAs(owner, group), w.stat("a")]);
    sys.chmod(path, 0o6777);
    w.see("truncate by a stranger", [as(other, 2002, () => sys.truncate(path, 0)), w.stat("a")]);
    sys.chmod(path, 0o6777);
    const empty = () => opened(sys.open(path, O_WRONLY | O_TRUNC, 0));
    w.see("O_TRUNC by a stranger", [as(other, 2002, empty), w.stat("a")]);
    sys.chmod(path, 0o6777);
    const allocate = () => {
      const fd = sys.open(path, O_WRONLY, 0) as number;
      const result = sys.fallocate(fd, 0, 0, 100);
      sys.close(fd);
      return result;
    };
    w.see("fallocate by a stranger", [as(other, 2002, allocate), w.stat("a")]);
  },
  "moving a directory of somebody else's": (w) => {
    sys.chmod(w.dir, 0o777);
    owned(w, "from", 0o777, true);
    owned(w, "to", 0o777, true);
    owned(w, "from/d", 0o755, true);
    byUser(w, "rename within", (n) => sys.rename(w.path("from/d"), w.path(`from/d`)) || n);
    as(other, 2002, () => {
      w.see("move by a stranger", sys.rename(w.path("from/d"), w.path("to/d")));
    });
    as(owner, group, () => {
      w.see("move by the owner", sys.rename(w.path("from/d"), w.path("to/d")));
    });
    w.see("from", w.list("from"));
    w.see("to", w.list("to"));
  },
  "a symlink's owner and the way through it": (w) => {
    sys.chmod(w.dir, 0o777);
    owned(w, "secret", 0o700, true);
    owned(w, "secret/file", 0o666);
    sys.symlink("secret/file", w.path("link"));
    byUser(w, "open through", () => opened(sys.open(w.path("link"), O_RDONLY, 0)));
    w.see("lchown", sys.lchown(w.path("link"), other, 2002));
    w.see("link", w.stat("link"));
    w.see("target", w.stat("secret/file"));
    byUser(w, "lchown", () => sys.lchown(w.path("link"), owner, 0xffff_ffff));
  },
  "devices are root's to make": (w) => {
    sys.chmod(w.dir, 0o777);
    byUser(w, "mknod of a device", (n) => sys.mknod(w.path(`dev${n}`), 0o020666, 0x103));
    w.see("by root", sys.mknod(w.path("null"), 0o020666, 0x103));
    w.see("null", w.stat("null"));
  },
};
