/** What must hold at rest: faults off, everybody up, nobody writing, some quiet minutes (FIN-1 … FIN-9). */
import { type Doc, digestOf } from "../hosted-model/document.ts";
import { conflictsDir, type Device, type EntryState } from "./device.ts";
import { isFile, type Oracle } from "./oracle.ts";
import { Violation } from "./violation.ts";

export interface RestOptions {
  readonly devices: readonly Device[];
  readonly docs: () => readonly Doc[];
  readonly oracle: Oracle;
  readonly isSolo: boolean;
  /** The server stores what it was sent, byte for byte. */
  readonly serverIsExact: boolean;
  /** Actions of users and foreigners that changed something. */
  readonly actionCount: () => number;
}

/** Writes to the server that one user action may cost on average, trouble included (FIN-5). */
const writesPerActionMax = 12;

/** Why the run is not at rest yet; undefined when it is. Not yet a violation: time may heal it. */
export function unrest(options: RestOptions): string | undefined {
  for (const device of options.devices) {
    const [why] = device.view.unrest();
    if (why !== undefined) return `FIN-2: ${device.name} is not at rest: ${why}`;
    const unfounded = options.oracle.ignoring.unfounded(device);
    if (unfounded !== undefined) return unfounded;
  }
  return differences(options);
}

/** FIN-1: every device's tree is the server's. */
function differences({ devices, docs, oracle }: RestOptions): string | undefined {
  const files = docs().filter((doc) => doc.filepath !== null && !isDirectoryDoc(doc));
  const ids = new Set(docs().map((doc) => doc.id));
  for (const device of devices) {
    const byDoc = new Map<string, EntryState>();
    const waitsForUser = new Set<string>();
    for (const entry of device.view.entries()) {
      if (entry.excused !== undefined) waitsForUser.add(entry.path);
      if (entry.excused !== undefined) {
        // What was refused while the server had a document for it is sent again when it has lost that one.
        const isLost = entry.docId !== null && oracle.lostDocs.has(entry.docId);
        if (isLost && !entry.wasSeenDone)
          return `FIN-1: ${device.name} ${entry.path} was refused, and the document of it that the server lost is not made again`;
        if (entry.docId !== null) byDoc.set(entry.docId, entry);
        continue;
      }
      if (entry.kind === "dir" && entry.docId === null) continue;
      if (entry.docId === null) return `FIN-1: ${device.name} ${entry.path} was never uploaded`;
      if (!ids.has(entry.docId))
        return `FIN-1: ${device.name} ${entry.path} has a document that is gone`;
      byDoc.set(entry.docId, entry);
    }
    for (const doc of files) {
      const entry = byDoc.get(doc.id);
      if (entry === undefined) {
        if (waitsForUser.has(doc.filepath ?? "")) continue;
        return `FIN-1: ${device.name} lacks ${doc.filepath} (${doc.id})`;
      }
      if (entry.excused !== undefined) continue;
      const wanted = digestOf(doc.bytes);
      if (entry.digest !== wanted && !entry.isDiverged)
        return `FIN-1: ${device.name} ${entry.path} has other bytes than the server`;
      if (entry.path !== doc.filepath && !entry.isAlias)
        return `FIN-1: ${device.name} has ${doc.filepath} at ${entry.path}`;
      const { sfs_mode: mode } = doc.metadata ?? {};
      if (
        entry.kind === "file" &&
        typeof mode === "string" &&
        Number.parseInt(mode, 8) !== entry.mode
      )
        return `FIN-1: ${device.name} ${entry.path} has mode ${entry.mode.toString(8)}, the server ${mode}`;
    }
  }
  return directoryDifference(devices) ?? linkDifference(devices, files);
}

/**
 * FIN-9: names whose documents say that they are one file, and agree in what a file has, are one on every device; no
 * others are. Of conflict versions nothing is asked: two devices may tell another link for one.
 */
function linkDifference(devices: readonly Device[], docs: readonly Doc[]): string | undefined {
  for (const device of devices) {
    const byDoc = new Map<string, EntryState>();
    for (const entry of device.view.entries())
      if (entry.kind === "file" && entry.docId !== null) byDoc.set(entry.docId, entry);
    const inoOf = new Map<string, number>();
    const fileOf = new Map<number, string>();
    for (const doc of docs) {
      const entry = byDoc.get(doc.id);
      if (entry === undefined || entry.excused !== undefined || entry.isDiverged) continue;
      if (entry.path.startsWith(conflictsDir)) continue;
      const { sfs_link: link, sfs_mode: mode, sfs_mtime: mtime } = doc.metadata ?? {};
      const isLinked = typeof link === "string";
      const file = [isLinked ? link : doc.id, digestOf(doc.bytes), mode, mtime].join();
      const ino = inoOf.get(file) ?? entry.ino;
      if (ino !== entry.ino)
        return `FIN-9: ${device.name} ${entry.path} is another file than those it is one with`;
      inoOf.set(file, entry.ino);
      const other = fileOf.get(entry.ino) ?? file;
      if (other !== file)
        return `FIN-9: ${device.name} ${entry.path} is one file with ${other}, but not at the server: ${file}`;
      fileOf.set(entry.ino, file);
    }
  }
  return undefined;
}

function directoryDifference(devices: readonly Device[]): string | undefined {
  const entries = devices.flatMap((device) => device.view.entries());
  // What waits for the user keeps directories that others have no reason to have.
  if (entries.some((entry) => entry.excused !== undefined)) return undefined;
  const [first, ...rest] = devices.map((device) => ({
    device,
    dirs: new Set(
      device.view
        .entries()
        .filter((entry) => entry.kind === "dir" && entry.excused === undefined)
        .map((entry) => entry.path),
    ),
  }));
  if (first === undefined) return undefined;
  for (const other of rest) {
    for (const path of first.dirs)
      if (!other.dirs.has(path)) return `FIN-1: ${other.device.name} lacks the directory ${path}`;
    for (const path of other.dirs)
      if (!first.dirs.has(path)) return `FIN-1: ${first.device.name} lacks the directory ${path}`;
  }
  return undefined;
}

/** What no time heals: checked once the run is at rest. @throws Violation */
export function checkRest(options: RestOptions): void {
  const { devices, docs, oracle, isSolo } = options;
  oracle.checkAllSafe(docs().filter(isFile));
  oracle.deletions.checkRest(devices, docs(), oracle);
  for (const device of devices) checkExcuses(device, options.serverIsExact);
  checkSingle(docs());
  const actions = options.actionCount();
  for (const device of devices) {
    const copies = device.view
      .entries()
      .filter(({ path, kind }) => path.startsWith(conflictsDir) && kind !== "dir").length;
    const most = isSolo ? 0 : actions;
    if (copies > most)
      throw new Violation(
        "FIN-4",
        `${copies} conflict versions on ${device.name} after ${actions} actions, at most ${most}`,
      );
  }
  const writesMax = writesPerActionMax * (actions + devices.length);
  if (oracle.serverWriteCount > writesMax)
    throw new Violation(
      "FIN-5",
      `${oracle.serverWriteCount} writes at the server for ${actions} actions, at most ${writesMax}`,
    );
}

/** FIN-8: a device differs from the server only for a reason that is true. */
function checkExcuses(device: Device, serverIsExact: boolean): void {
  for (const { path, isDiverged, excused } of device.view.entries()) {
    if (isDiverged && serverIsExact)
      throw new Violation(
        "FIN-8",
        `${device.name} ${path}: the server is said to change what it is sent, and does not`,
      );
    if (excused?.includes("401") === true)
      throw new Violation("FIN-8", `${device.name} ${path} was refused for the key: ${excused}`);
  }
}

/** INV-7: one live document for each file. */
function checkSingle(docs: readonly Doc[]): void {
  const seen = new Map<string, Doc>();
  for (const doc of docs) {
    const fid = doc.metadata?.sfs_fid;
    if (typeof fid !== "string") continue;
    const other = seen.get(fid);
    if (other !== undefined)
      throw new Violation(
        "INV-7",
        `two documents of one file: ${other.filepath} ${other.id} and ${doc.filepath} ${doc.id}`,
      );
    seen.set(fid, doc);
  }
}

function isDirectoryDoc(doc: Doc): boolean {
  return doc.metadata?.sfs_kind === "dir";
}
