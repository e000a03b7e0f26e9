/** What can be said of a store that nobody has open: for `smfs doctor`. Nothing is changed. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Logger, systemClock, systemRandom, toDisplay } from "@smfs/core";
import { type Breach, check } from "../check.ts";
import { Database, programFact, StoreOpenError } from "../database.ts";
import { Entries } from "../entries.ts";
import { Facts } from "../facts.ts";
import { FreeNames } from "../free-names.ts";
import { Inodes } from "../inodes.ts";
import { OpenFiles } from "../open-files.ts";
import { Orphans } from "../orphans.ts";
import { Pend } from "../pend.ts";
import { RealByteStore } from "../real-byte-store.ts";
import { Tombs } from "../tombs.ts";
import { Versions } from "../versions.ts";
import { Waits } from "../waits.ts";
import { openImage } from "./store-image.ts";

/** Paths told. */
const pathsMax = 100;

export interface StoreReport {
  /** Why the rows cannot be trusted: only then must the store be set aside. */
  readonly damage: string | undefined;
  /** Invariants of rows and bytes that do not hold; empty when it is damaged, or the last stop was none in peace. */
  readonly breaches: readonly Breach[];
  /** False after a crash: the next mount puts right what that has left. */
  readonly wasStopped: boolean;
  /** Version of the program that last opened it. */
  readonly program: string | null;
  readonly entries: number;
  /** Names whose last change the server does not hold. */
  readonly unsent: number;
  readonly unsentPaths: readonly string[];
}

/**
 * @param deep also compares the digests of all clean files
 * @throws StoreOpenError when a daemon holds the store, or a later program made it
 */
export function inspectStore(dir: string, options: { deep: boolean; log: Logger }): StoreReport {
  const empty = { breaches: [], wasStopped: false, program: null, entries: 0, unsent: 0 };
  if (!existsSync(join(dir, "store.db"))) {
    return { ...empty, damage: "it has no database", unsentPaths: [] };
  }
  try {
    return inspect(dir, options);
  } catch (error) {
    if (error instanceof StoreOpenError && !error.isDamage) throw error;
    return { ...empty, damage: (error as Error).message, unsentPaths: [] };
  }
}

function inspect(dir: string, options: { deep: boolean; log: Logger }): StoreReport {
  const image = openImage(dir, options.log);
  const { sql } = image;
  try {
    const found = integrity(sql);
    const db = new Database(sql);
    const facts = new Facts(db);
    const wasStopped = facts.get("clean_stop") !== undefined;
    const entries = new Entries(db, systemRandom);
    const damage = image.damage ?? found;
    const unsent = sql
      .prepare<[number], { parent: number; name: string }>(
        `SELECT parent, name FROM entry WHERE local_ver <> base_ver AND local_only = 0
         ORDER BY local_ver LIMIT ? + 0`,
      )
      .all(pathsMax);
    const count = (query: string): number => sql.prepare<[], number>(query).pluck().get() ?? 0;
    return {
      damage,
      breaches: damage === undefined && wasStopped ? breachesOf(dir, db, options) : [],
      wasStopped,
      program: facts.get(programFact) ?? null,
      entries: count("SELECT count(*) FROM entry WHERE state = 'live'"),
      unsent: count("SELECT count(*) FROM entry WHERE local_ver <> base_ver AND local_only = 0"),
      unsentPaths: unsent.map((entry) => toDisplay(entries.path(entry) ?? entry.name)),
    };
  } finally {
    sql.close();
  }
}

/** SQLite's own look at the file. */
function integrity(sql: Database["sql"]): string | undefined {
  const rows = sql.pragma("integrity_check(1)") as { integrity_check: string }[];
  const said = rows[0]?.integrity_check ?? "no answer";
  return said === "ok" ? undefined : said.split("\n")[0];
}

function breachesOf(
  dir: string,
  db: Database,
  { deep, log }: { deep: boolean; log: Logger },
): Breach[] {
  const random = systemRandom;
  const clock = systemClock;
  const facts = new Facts(db);
  const inodes = new Inodes(db, clock);
  const entries = new Entries(db, random);
  const bytes = new RealByteStore(dir);
  const openFiles = new OpenFiles();
  return check(
    {
      db,
      facts,
      versions: new Versions(db, facts, random, clock),
      inodes,
      entries,
      bytes,
      openFiles,
      orphans: new Orphans({ db, inodes, entries, bytes, openFiles, clock, log }),
      waits: new Waits(),
      names: new FreeNames(entries),
      pend: new Pend(db),
      tombs: new Tombs(db, clock),
      clock,
      random,
      log,
      owner: { uid: 0, gid: 0 },
      ignorePatterns: "",
      emit: () => undefined,
      invalidate: () => undefined,
    },
    { deep },
  );
}
