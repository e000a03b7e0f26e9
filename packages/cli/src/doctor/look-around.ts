/** What `smfs doctor` looks at besides the stores: the machine, our directories, the server, the mounts. */
import { accessSync, constants, existsSync, statfsSync, statSync } from "node:fs";
import type { Clock } from "@smfs/core";
import { isStale, unmountFuse } from "@smfs/fuse";
import { toFailure } from "../cli-error.ts";
import type { Config, Paths } from "../config.ts";
import { isReadableByOthers } from "../credentials.ts";
import { ControlClient } from "../daemon/control-client.ts";
import { knownEmbeddedServer } from "../embedded-server.ts";
import { diskFreeBytesMin } from "../limits.ts";
import {
  isAlive,
  type MountRecord,
  readMountRecords,
  removeMountRecord,
} from "../mount-records.ts";
import { bytes, count } from "../output.ts";
import { resolveServer } from "../resolve-server.ts";
import { fetchAccount } from "../server-link.ts";
import { type Finding, note, ok, problem } from "./finding.ts";

const device = "/dev/fuse";
const helpers = ["/usr/bin/fusermount3", "/bin/fusermount3", "/usr/local/bin/fusermount3"];

export function lookAtMachine(): Finding[] {
  if (process.platform !== "linux") {
    return [note("machine", `mounting needs FUSE as Linux has it; this is ${process.platform}`)];
  }
  if (!existsSync(device)) {
    return [
      problem(
        "machine",
        `there is no ${device}`,
        "run modprobe fuse; in a container, start it with --device /dev/fuse --cap-add SYS_ADMIN",
      ),
    ];
  }
  const findings: Finding[] = [];
  if (!may(device, constants.R_OK | constants.W_OK)) {
    const advice = `make it readable and writable for you: chmod 0666 ${device}`;
    findings.push(problem("machine", `${device} may not be used by you`, advice));
  }
  if (process.geteuid?.() !== 0 && !helpers.some((path) => existsSync(path))) {
    const advice = "install it: apt-get install fuse3 (dnf install fuse3, apk add fuse3)";
    findings.push(problem("machine", "there is no fusermount3, which mounts for you", advice));
  }
  return findings.length > 0
    ? findings
    : [ok("machine", `FUSE can be used, Node ${process.version}`)];
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

export function lookAtDirectories(paths: Paths): Finding[] {
  const findings: Finding[] = [];
  const there = [paths.data, paths.state, paths.config].filter((dir) => existsSync(dir));
  for (const dir of there) {
    const { uid, mode } = statSync(dir);
    if (uid !== process.geteuid?.()) {
      findings.push(
        problem(
          "directories",
          `${dir} belongs to another user (${uid})`,
          `chown it, or set XDG_* directories of your own`,
        ),
      );
    } else if ((mode & 0o077) !== 0 && dir !== paths.config) {
      findings.push(problem("directories", `others can look into ${dir}`, `chmod 700 ${dir}`));
    } else if (!may(dir, constants.W_OK)) {
      findings.push(problem("directories", `${dir} cannot be written`, `chmod u+w ${dir}`));
    }
  }
  if (existsSync(paths.data)) {
    const { bavail, bsize } = statfsSync(paths.data);
    const free = bavail * bsize;
    if (free < diskFreeBytesMin) {
      const message = `the disk under ${paths.data} is nearly full: ${bytes(free)} are free`;
      findings.push(
        problem("directories", message, "free space: what cannot be written fails with ENOSPC"),
      );
    }
  }
  return findings.length > 0 ? findings : [ok("directories", "yours alone, with room")];
}

export async function lookAtServer(config: Config, clock: Clock): Promise<Finding[]> {
  try {
    if (config.server.kind !== "remote" && knownEmbeddedServer(config.paths) === undefined) {
      return [ok("server", "this machine's own, which the first mount starts")];
    }
    const server = await resolveServer(config, clock, () => undefined, { offline: true });
    const findings: Finding[] = [];
    if (server.keyFile !== null && isReadableByOthers(server.keyFile)) {
      findings.push(
        problem(
          "server",
          `others can read the key in ${server.keyFile}`,
          `chmod 600 ${server.keyFile}`,
        ),
      );
    }
    try {
      await fetchAccount(server);
      return [...findings, ok("server", `${server.apiUrl} answers and knows the key`)];
    } catch (error) {
      const { message, hint } = toFailure(error);
      // The embedded server is started by whoever needs it.
      if (server.embedded) return [...findings, note("server", message, "smfs mount starts it")];
      return [...findings, problem("server", message, hint ?? "see docs/operations.md")];
    }
  } catch (error) {
    const { message, hint } = toFailure(error);
    return [problem("server", message, hint ?? "smfs help mount tells how a server is named")];
  }
}

/** @param repair takes away what daemons that are gone have left mounted */
export async function lookAtMounts(paths: Paths, repair: boolean): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const record of readMountRecords(paths)) {
    if (isAlive(record)) findings.push(await lookAtMount(record));
    else findings.push(repair ? clear(paths, record) : left(record));
  }
  return findings;
}

function left({ container, path }: MountRecord): Finding {
  return problem(
    "mount",
    `the daemon of ${container} at ${path} is gone; what it had not sent is kept`,
    `smfs mount ${container} --path ${path} goes on with it; smfs doctor --repair only clears the mount point`,
  );
}

function clear(paths: Paths, record: MountRecord): Finding {
  const { container, path } = record;
  if (isStale(path)) unmountFuse(path, { lazy: true });
  removeMountRecord(paths, record.id);
  return note("mount", `${path} is free again: the daemon of ${container} was gone`);
}

async function lookAtMount(record: MountRecord): Promise<Finding> {
  const what = `${record.container} at ${record.path}`;
  try {
    const { problems, conflicts, queue_len } = await new ControlClient(record.socket).status();
    const [first] = problems;
    if (first !== undefined) {
      return problem(
        "mount",
        `${what}: ${first.path ?? ""} ${first.message}`.replace("  ", " "),
        `smfs status ${record.path}`,
      );
    }
    if (conflicts.length > 0) {
      const kept = count(conflicts.length, "version");
      return note("mount", `${what}: ${kept} kept in conflicts`, `smfs status ${record.path}`);
    }
    const waits =
      queue_len === 0 ? "all is on the server" : `${count(queue_len, "change")} not sent yet`;
    return ok("mount", `${what}: ${waits}`);
  } catch (error) {
    return problem("mount", `${what}: ${toFailure(error).message}`, `smfs logs ${record.path}`);
  }
}
