/** Which processes use a mount: those that stand in it, run from it, or hold something of it open. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { isInside } from "../mount-places.ts";
import type { ProcessNote } from "./control-protocol.ts";

/** Processes named in one answer at most. */
const notesMax = 20;

/**
 * Looks at the links of /proc only, never at the mount itself. Processes of other users are seen only by root.
 * @param mountPath absolute, without symbolic links
 */
export function processUsers(mountPath: string): ProcessNote[] {
  const users: ProcessNote[] = [];
  for (const name of entries("/proc")) {
    const pid = Number(name);
    if (!Number.isSafeInteger(pid) || pid <= 0) continue;
    if (users.length >= notesMax) break;
    if (uses(`/proc/${pid}`, mountPath)) users.push({ pid, name: processName(pid) });
  }
  return users;
}

function uses(proc: string, mountPath: string): boolean {
  const links = [`${proc}/cwd`, `${proc}/root`, `${proc}/exe`];
  for (const fd of entries(`${proc}/fd`)) links.push(`${proc}/fd/${fd}`);
  for (const range of entries(`${proc}/map_files`)) links.push(`${proc}/map_files/${range}`);
  return links.some((link) => {
    const target = follow(link);
    return target?.startsWith("/") === true && isInside(target, mountPath);
  });
}

function processName(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "a process that has just ended";
  }
}

/** Names in a directory of /proc; none when the process has ended or is not ours to look at. */
function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function follow(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}
