// Real programs on the real daemon: what people do all day must work as on the disk. A program that this machine
// lacks is not tried.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../workspace-files.ts";
import { DaemonMount } from "./daemon-mount.ts";
import { python, shell } from "./memory-mount.ts";

let mount: DaemonMount;

beforeAll(async () => {
  mount = await DaemonMount.start();
});

afterAll(async () => {
  await mount.stop();
});

const has = (program: string): boolean => spawnSync("which", [program]).status === 0;
const modules = join(root, "node_modules");

/** What is run in an empty directory of the mount. It fails when a command does. */
const programs: readonly { name: string; needs: readonly string[]; script: string }[] = [
  {
    name: "git: clone, branch, rebase, gc, fsck",
    needs: ["git"],
    script: `
      export GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=n@example.org GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=n@example.org
      git clone -q --depth 30 file://${root} repo && cd repo && git fsck --strict 2>&1
      git checkout -qb topic && for i in 1 2 3; do echo $i > topic$i; git add .; git commit -qm topic$i; done
      git checkout -q - && echo x > other && git add . && git commit -qm other
      git checkout -q topic && git rebase -q - && test "$(git log --oneline -4 | wc -l)" = 4
      git gc -q --prune=now && git fsck --strict 2>&1 && test -z "$(git status --porcelain)"
      git stash -q 2>&1 || true; git worktree add -q ../tree && git -C ../tree status --porcelain`,
  },
  {
    name: "rsync: the second run copies nothing",
    needs: ["rsync"],
    script: `
      rsync -a ${modules}/fast-check/ copy/ && diff -r ${modules}/fast-check copy
      test -z "$(rsync -ai ${modules}/fast-check/ copy/)"
      echo more >> copy/package.json && test "$(rsync -ain copy/ ${modules}/fast-check/ | wc -l)" -ge 1`,
  },
  {
    name: "tar: out and in, with times, modes and links",
    needs: ["tar"],
    script: `
      mkdir from && cd from && cp -a ${modules}/zod/v4 . && ln v4/index.js hard && ln -s v4 soft && chmod 640 hard
      mkfifo pipe && touch -d @12345.678901234 old && cd ..
      tar cf a.tar --sort=name -C from . && mkdir to && tar xpf a.tar -C to
      tar cf b.tar --sort=name -C to . && cmp a.tar b.tar`,
  },
  {
    name: "sqlite: WAL, four processes",
    needs: ["sqlite3"],
    script: `
      sqlite3 db "pragma journal_mode=wal; create table t(p, n)" > /dev/null
      for p in 1 2 3 4; do
        (for n in $(seq 25); do echo "insert into t values($p, $n);"; done | sqlite3 -cmd ".timeout 20000" db) &
      done; wait
      test "$(sqlite3 db "select count(*) from t")" = 100
      test "$(sqlite3 db "pragma integrity_check")" = ok
      sqlite3 db "pragma journal_mode=delete; vacuum" > /dev/null && test "$(sqlite3 db "select sum(n) from t")" = 1300`,
  },
  {
    name: "ripgrep and grep find the same",
    needs: ["rg", "grep"],
    script: `
      cp -r ${modules}/zod src && rg -l --no-ignore "export" src | sort > a
      grep -rlI "export" src | sort > b && cmp a b && test -s a`,
  },
  {
    name: "vim saves, and leaves no swap file",
    needs: ["vim"],
    script: `
      printf 'one\\ntwo\\n' > note && chmod 640 note
      for copy in yes no auto; do vim -Nu NONE -es -c "set bkc=$copy" -c '%s/$/ x/' -c 'wq' note < /dev/null; done
      test "$(cat note)" = "$(printf 'one x x x\\ntwo x x x')" && test "$(stat -c %a note)" = 640
      test "$(ls -A)" = note`,
  },
  {
    name: "nano saves",
    needs: ["nano", "script"],
    script: `
      echo one > note
      (sleep 0.7; printf 'new '; sleep 0.3; printf '\\017'; sleep 0.3; printf '\\r'; sleep 0.3; printf '\\030') |
        TERM=xterm script -qec "nano note" /dev/null > /dev/null
      test "$(cat note)" = "new one"`,
  },
  {
    name: "tail -F follows a log through its rotation",
    needs: ["tail"],
    script: `
      echo 1 > log; timeout 20 tail -s 0.1 -n +1 -F log > seen 2> /dev/null & tail=$!
      sleep 0.4; echo 2 >> log; sleep 0.4; mv log log.1; echo 3 > log; sleep 0.4; echo 4 >> log
      for i in $(seq 50); do grep -q 4 seen && break; sleep 0.1; done
      kill $tail; test "$(tr -d '\\n' < seen)" = 1234`,
  },
  {
    name: "a compiler builds, and what it built runs",
    needs: ["cc"],
    script: `
      cp ${join(root, "bench/fs/client.c")} . && cc -O1 -g -o client client.c
      ./client create . 50 > us && test "$(ls f* | wc -l)" = 50 && test -s us`,
  },
  {
    name: "make: a parallel build, a second run does nothing, a changed header rebuilds what needs it",
    needs: ["make", "cc"],
    script: `
      for n in $(seq 20); do
        printf '#include "all.h"\nint f%s(void) { return BASE + %s; }\n' $n $n > f$n.c
      done
      echo '#define BASE 0' > all.h
      (for n in $(seq 20); do echo "int f$n(void);"; done; echo 'int main(void) { return 0'
       for n in $(seq 20); do echo "+ f$n()"; done; echo '== 210 ? 0 : 1; }') > main.c
      printf 'OBJECTS := $(patsubst %%.c,%%.o,$(wildcard *.c))\nprogram: $(OBJECTS)\n\tcc -o $@ $^\n%%.o: %%.c all.h\n\tcc -c -o $@ $<\n' > Makefile
      make -sj4 && ./program && make -q
      sleep 1.1; sed -i 's/BASE 0/BASE 1/' all.h && ! make -q && make -sj4 && ! ./program
      ar rcs lib.a f*.o && test "$(ar t lib.a | wc -l)" = 20`,
  },
  {
    name: "git: push to a bare repository, fetch, reset, clean, archive",
    needs: ["git", "tar"],
    script: `
      export GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=n@example.org GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=n@example.org
      git init -q --bare -b main up.git && git clone -q up.git one 2>&1 && cd one && git checkout -qb main
      mkdir -p a/b && seq 1000 > a/b/numbers && git add . && git commit -qm first && git push -q origin main 2>&1
      git clone -q ../up.git ../two && seq 5 > small && git add . && git commit -qm second && git push -q origin main 2>&1
      cd ../two && git fetch -q && git reset -q --hard origin/main && test "$(wc -l < small)" = 5
      echo junk > junk && git clean -fdq && test ! -e junk && git archive HEAD | tar tf - | grep -q a/b/numbers
      git -C ../up.git fsck --strict 2>&1`,
  },
  {
    name: "npm installs from tarballs",
    needs: ["npm"],
    script: `
      npm pack -s --pack-destination . ${modules}/zod ${modules}/fast-check > names
      echo '{"name":"x","version":"1.0.0"}' > package.json
      npm install -s --offline --no-audit --no-fund --ignore-scripts --legacy-peer-deps --omit=optional ./zod-*.tgz
      node -e 'if (require("zod").z.string().parse("x") !== "x") process.exit(1)'`,
  },
  {
    name: "find, xargs, sort, cp --reflink, install, shred",
    needs: ["find", "shred"],
    script: `
      for i in $(seq 200); do mkdir -p $((i % 7))/$((i % 5)); echo $i > $((i % 7))/$((i % 5))/$i; done
      test "$(find . -type f -newermt '1 hour ago' -print0 | xargs -0 cat | sort -n | tail -1)" = 200
      cp --reflink=auto 3/3/3 c && cp --sparse=always 3/3/3 s && cmp c s && install -m 600 c d && shred -u d && test ! -e d
      truncate -s 5G big && test "$(stat -c %s big)" = 5368709120 && test "$(du -k big | cut -f1)" -lt 100
      find . -mindepth 1 -delete && test -z "$(ls -A)"`,
  },
];

describe("on the daemon", () => {
  const present = programs.filter(({ needs }) => needs.every(has));

  test.each(present)("[MOUNT-5] $name", async ({ script }) => {
    const name = `p${programs.findIndex((program) => program.script === script)}`;
    await shell(mount.dir, `mkdir ${name} && cd ${name}\n${script}`);
  });

  // Called directly: Python would call again what a signal has ended.
  test("[FSYNC-3] no signal ends a sync, and others go on meanwhile", async () => {
    const script = `
import ctypes, os, signal, threading
libc = ctypes.CDLL(None, use_errno=True)
def sync(fd):
    assert libc.fsync(fd) == 0, os.strerror(ctypes.get_errno())
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
others = threading.Thread(target=lambda: [os.mkdir("d%d" % n) for n in range(300)])
others.start()
for n in range(60):
    fd = os.open("f%d" % (n % 7), os.O_CREAT | os.O_RDWR)
    os.pwrite(fd, b"x" * 5000, n * 100)
    sync(fd)
    sync(fd)
    os.close(fd)
    above = os.open(".", os.O_RDONLY)
    sync(above)
    os.close(above)
signal.setitimer(signal.ITIMER_REAL, 0)
others.join()
assert len(os.listdir(".")) == 307
`;
    await shell(mount.dir, "mkdir syncs");
    await python(join(mount.dir, "syncs"), script);
  });

  test("[MOUNT-5] some of the programs are here", () => {
    expect(present.length).toBeGreaterThan(3);
  });

  test("[FUSE-9] none of all this was a mistake of the daemon's", () => {
    const lines = mount.log().split("\n");
    expect(lines.filter((line) => /"level":"?(error|50|60)|Warning:/.test(line))).toEqual([]);
  });
});
