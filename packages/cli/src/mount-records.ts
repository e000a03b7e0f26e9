/** Records of mounts: one file per store, written by its daemon, read by every command. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Paths } from "./config.ts";
import { readJsonObject, writePrivateFile } from "./private-files.ts";
import { isSameProcess } from "./processes.ts";

export interface MountRecord {
  /** Names the store, and with it the mount: at most one daemon holds a store. */
  readonly id: string;
  readonly container: string;
  /** Absolute path of the mount point. */
  readonly path: string;
  readonly pid: number;
  /** Start of the daemon, so that another process with its number is not taken for it. */
  readonly started: string;
  /** Milliseconds since 1970, for people. */
  readonly mountedAtMs: number;
  readonly socket: string;
  readonly logFile: string;
  readonly apiUrl: string;
  /** File that holds the key; null when the key came another way. */
  readonly keyFile: string | null;
  /** Whether the server is this machine's embedded one. */
  readonly embedded: boolean;
}

const dirOf = (paths: Paths): string => join(paths.state, "mounts");
const fileOf = (paths: Paths, id: string): string => join(dirOf(paths), `${id}.json`);

export function writeMountRecord(paths: Paths, record: MountRecord): void {
  writePrivateFile(fileOf(paths, record.id), `${JSON.stringify(record, null, 2)}\n`);
}

export function removeMountRecord(paths: Paths, id: string): void {
  rmSync(fileOf(paths, id), { force: true });
}

/** Every record that can be read; one that is damaged is as good as none. */
export function readMountRecords(paths: Paths): MountRecord[] {
  let names: string[];
  try {
    names = readdirSync(dirOf(paths));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  const records: MountRecord[] = [];
  for (const name of names.sort()) {
    if (!name.endsWith(".json")) continue;
    const record = toRecord(readJsonObject(join(dirOf(paths), name)));
    if (record !== undefined && `${record.id}.json` === name) records.push(record);
  }
  return records;
}

/** Whether the daemon that wrote the record still runs. */
export function isAlive(record: MountRecord): boolean {
  return isSameProcess({ pid: record.pid, started: record.started });
}

const fields: Readonly<Record<keyof MountRecord, string>> = {
  id: "string",
  container: "string",
  path: "string",
  pid: "number",
  started: "string",
  mountedAtMs: "number",
  socket: "string",
  logFile: "string",
  apiUrl: "string",
  keyFile: "string",
  embedded: "boolean",
};

function toRecord(value: Readonly<Record<string, unknown>> | undefined): MountRecord | undefined {
  if (value === undefined) return undefined;
  for (const [name, type] of Object.entries(fields)) {
    const isNull = name === "keyFile" && value[name] === null;
    if (!isNull && typeof value[name] !== type) return undefined;
  }
  return value as unknown as MountRecord;
}
