// Suites that nobody here wrote, on a mount of the daemon and on the disk: what differs is ours.
//
//     npm run suites [-- go|python|stress-ng|npm ...]
//
// Those of programs that this machine has: Go's tests of its os and archive packages, Python's of what touches files,
// stress-ng's stressors of file systems with --verify, npm installing all that this workspace needs from its registry. Takes some minutes; prints a table, and keeps the logs of what failed.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DaemonMount } from "../test/mount/daemon-mount.ts";
import { root } from "../test/workspace-files.ts";

interface Part {
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd?: string;
}

interface Suite {
  readonly name: string;
  /** The parts that this machine can run; none when the program is not here. */
  parts(): readonly Part[];
}

const output = (file: string, ...args: string[]): string =>
  spawnSync(file, args, { encoding: "utf8" }).stdout?.trim() ?? "";

const goPackages =
  "os os/exec path/filepath io/ioutil io/fs archive/tar archive/zip internal/poll syscall".split(
    " ",
  );
const pythonTests =
  "os shutil posix fcntl mmap tempfile pathlib zipfile tarfile sqlite3 dbm mailbox io file largefile fileinput glob filecmp genericpath posixpath stat venv".split(
    " ",
  );
const stressors =
  "access chdir chmod chown copy-file dentry dir dirdeep dirmany fallocate fcntl filename flock fpunch fsize fstat getdent handle hdd inode-flags inotify io iomix lease link locka lockf lockofd mknod open rename symlink sync-file utime xattr seek sendfile splice readahead mmap mmapfork msync revio aio dynlib".split(
    " ",
  );

/** Installs the packages of a workspace, `$0`; every one is there, the largest of them work, and all can be removed. */
const npmScript = `
  cp "$0/package.json" "$0/package-lock.json" .
  for manifest in "$0"/packages/*/package.json; do
    part=packages/$(basename "$(dirname "$manifest")") && mkdir -p "$part" && cp "$manifest" "$part"
  done
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  npm ls --all > listed
  node_modules/.bin/tsc --version && node_modules/.bin/esbuild --version && node_modules/.bin/biome --version
  rm -rf node_modules && test ! -e node_modules`;

const suites: readonly Suite[] = [
  {
    name: "go",
    parts: () => {
      const source = join(output("go", "env", "GOROOT") || "/none", "src");
      if (!existsSync(join(source, "os/os_test.go"))) return [];
      return goPackages.map((name) => ({
        name,
        command: ["go", "test", "-count=1", name],
        cwd: source,
      }));
    },
  },
  {
    name: "python",
    parts: () => {
      if (output("python3", "-c", "import test.test_os; print(1)") !== "1") return [];
      return pythonTests.map((name) => ({
        name,
        command: ["python3", "-m", "test", `test_${name}`],
      }));
    },
  },
  {
    name: "stress-ng",
    parts: () => {
      if (output("stress-ng", "--version") === "") return [];
      return stressors.map((name) => ({
        name,
        command: ["stress-ng", `--${name}`, "2", `--${name}-ops`, "400", "--verify", "-t", "15"],
      }));
    },
  },
  {
    name: "npm",
    parts: () => {
      if (output("npm", "--version") === "") return [];
      return [{ name: "ci", command: ["bash", "-euo", "pipefail", "-c", npmScript, root] }];
    },
  },
];

const partMs = 600_000;

/** Runs a part in a fresh directory below. @returns whether it ended well, and what it printed */
function runIn(below: string, suite: string, part: Part): { isGood: boolean; log: string } {
  const dir = mkdtempSync(join(below, `${suite}-`));
  const [file = "", ...args] = part.command;
  const place = suite === "stress-ng" ? ["--temp-path", dir] : [];
  const ran = spawnSync(file, [...args, ...place], {
    cwd: part.cwd ?? dir,
    env: { ...process.env, TMPDIR: dir },
    encoding: "utf8",
    timeout: partMs,
  });
  return { isGood: ran.status === 0, log: `${ran.stdout}${ran.stderr}` };
}

const asked = process.argv.slice(2);
const logs = mkdtempSync(join(tmpdir(), "smfs-suites-"));
const disk = join(logs, "disk");
mkdirSync(disk);
const mount = await DaemonMount.start();
let differing = 0;
try {
  console.log("| suite | parts | good on the disk | good on the mount | differ |");
  console.log("| --- | --- | --- | --- | --- |");
  for (const suite of suites) {
    if (asked.length > 0 && !asked.includes(suite.name)) continue;
    const parts = suite.parts();
    const good = { disk: 0, mount: 0 };
    const differ: string[] = [];
    for (const part of parts) {
      const there = runIn(disk, suite.name, part);
      const here = runIn(mount.dir, suite.name, part);
      good.disk += Number(there.isGood);
      good.mount += Number(here.isGood);
      if (there.isGood === here.isGood) continue;
      differ.push(part.name);
      writeFileSync(join(logs, `${suite.name}-${part.name.replaceAll("/", "-")}.log`), here.log);
    }
    differing += differ.length;
    const told = parts.length === 0 ? "not on this machine" : differ.join(", ") || "none";
    console.log(`| ${suite.name} | ${parts.length} | ${good.disk} | ${good.mount} | ${told} |`);
  }
} finally {
  await mount.stop();
}
if (differing > 0) console.log(`logs: ${logs}`);
