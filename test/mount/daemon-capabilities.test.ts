// The daemon's mount with each capability of the kernel left unused, and as older kernels have it: the cases of
// test/posix see what tmpfs shows, and git finds its repository whole. A kernel that never had a capability behaves as
// one that was not asked for it: what is not in the answer to INIT, the kernel does not do.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  capabilityNames,
  type Without,
  withoutCapabilities,
} from "../../packages/fuse/src/index.ts";
import { allowing, type Group, groups, observe } from "../posix/groups.ts";
import { permissionCases } from "../posix/permissions.ts";
import { sys } from "../posix/syscalls.ts";
import { DaemonMount } from "./daemon-mount.ts";
import { shell } from "./memory-mount.ts";

const isRoot = process.geteuid?.() === 0;
const options = isRoot ? ["--allow-other"] : [];

/** Root alone can be somebody else. */
const allGroups: readonly Group[] = [
  ...groups,
  ...(isRoot ? [{ name: "permissions", cases: permissionCases }] : []),
];
const isListing = (title: string) => /entries|listing|stream/.test(title);
const casesOf = (wanted: (group: string, title: string) => boolean) =>
  allGroups.flatMap(({ name, cases }) =>
    Object.entries(cases).filter(([title]) => wanted(name, title)),
  );

// What depends on no capability is tried once, without any; what takes long is tried where it matters.
const quickCases = casesOf((group, title) => !/errors|processes/.test(group) && !isListing(title));
const listingCases = casesOf((group, title) => group === "names" && isListing(title));
const otherCases = casesOf((group) => /errors|processes/.test(group));
const concerns = {
  git: /^(passthrough|readdirplus|no-opendir|parallel-dirops|max-pages|explicit-inval-data|newer-than-5.10|all)$/,
  listing: /^(readdirplus|no-opendir|all)$/,
};

let mount: DaemonMount | undefined;
let scratch = "";
let oracle = "";

type Seen = readonly (readonly [title: string, lines: readonly string[]])[];

/** What the oracle sees, case by case. */
let expected: { readonly quick: Seen; readonly listing: Seen; readonly other: Seen };

const see = (below: string, cases: typeof quickCases): Seen =>
  cases.map(([title, run]) => [title, observe(below, run)]);
const mustSee = (cases: typeof quickCases): Seen =>
  see(oracle, cases).map(([title, lines]) => [title, allowing(title, lines)]);

beforeAll(async () => {
  sys.umask(0);
  scratch = mkdtempSync(join(tmpdir(), "smfs-capabilities-"));
  oracle = mkdtempSync("/dev/shm/smfs-capabilities-");
  for (const dir of [scratch, oracle]) chmodSync(dir, 0o755);
  expected = {
    quick: mustSee(quickCases),
    listing: mustSee(listingCases),
    other: mustSee(otherCases),
  };
  await shell(
    scratch,
    `git init -q -b main repo && cd repo && for i in $(seq 150); do mkdir -p $((i % 9)); seq $i > $((i % 9))/$i; done
     ln -s 1/1 link && chmod +x 2/2 && git add . && git -c user.name=n -c user.email=n@example.org commit -qm all`,
  );
  mount = await DaemonMount.start(options);
});

afterAll(async () => {
  await mount?.stop();
  for (const dir of [scratch, oracle]) rmSync(dir, { recursive: true, force: true });
});

function mounted(): DaemonMount {
  if (mount === undefined) throw new Error("nothing is mounted");
  return mount;
}

/** What the daemon's mounts have agreed on with the kernel, one after the other, from its log. */
function agreements(): readonly { minor: number; flags: number; flags2: number }[] {
  const lines = mounted()
    .log()
    .split("\n")
    .filter((line) => line.includes("agreed with the kernel"));
  return lines.map((line) => {
    const { protocol, flags, flags2 } = JSON.parse(line) as Record<string, string>;
    return {
      minor: Number(protocol?.split(".")[1]),
      flags: Number(flags),
      flags2: Number(flags2),
    };
  });
}

describe.each(capabilityNames)("without %s", (name) => {
  const without = withoutCapabilities([name]) as Without;

  test("[FUSE-26] [FUSE-3] it is not agreed on, and every case sees what the oracle sees", async () => {
    const before = agreements().length;
    await mounted().remount(options, { SMFS_FUSE_WITHOUT: name });
    expect(see(mounted().dir, quickCases)).toEqual(expected.quick);
    // The log is written by another thread than the one that has agreed.
    await expect.poll(() => agreements().length, { timeout: 20_000 }).toBe(before + 1);
    const { minor, flags, flags2 } = agreements().at(-1) ?? { minor: 999, flags: -1, flags2: -1 };
    expect(minor).toBeLessThanOrEqual(without.minor ?? 998);
    expect([flags & (without.flags ?? 0), flags2 & (without.flags2 ?? 0)]).toEqual([0, 0]);
  });

  if (concerns.git.test(name))
    test("[FUSE-26] [MOUNT-5] git clones, finds everything whole and nothing changed", async () => {
      await shell(
        mounted().dir,
        `git clone -q file://${scratch}/repo clone && cd clone && git fsck --strict 2>&1
         test -z "$(git status --porcelain)" && diff -r --exclude=.git . ${scratch}/repo
         cd .. && rm -rf clone && test ! -e clone`,
      );
    });

  if (concerns.listing.test(name))
    test("[FUSE-26] large directories are listed as the oracle lists them", () => {
      expect(see(mounted().dir, listingCases)).toEqual(expected.listing);
    });

  if (name === "all")
    test("[FUSE-26] programs and errors are the same, too", () => {
      expect(see(mounted().dir, otherCases)).toEqual(expected.other);
    });
});

test("[FUSE-9] none of all this was a mistake of the daemon's", () => {
  const lines = mounted().log().split("\n");
  // A machine that is only slow may have ended a daemon before it was done: it goes on at the next mount.
  const errors = lines.filter((line) => /"level":"?(error|50|60)|Warning:/.test(line));
  expect(errors.filter((line) => !line.includes("it hangs"))).toEqual([]);
});
