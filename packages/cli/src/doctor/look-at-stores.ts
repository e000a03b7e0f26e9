/** What `smfs doctor` says of the stores on this machine, and how it mends them. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Logger } from "@smfs/core";
import {
  canMend,
  inspectStore,
  markForComparison,
  StoreOpenError,
  type StoreReport,
  salvageStore,
} from "@smfs/store";
import { toFailure } from "../cli-error.ts";
import type { Paths } from "../config.ts";
import { isEphemeral } from "../container.ts";
import { isAlive, readMountRecords } from "../mount-records.ts";
import { count, isoTime, printable } from "../output.ts";
import { ensurePrivateDir } from "../private-files.ts";
import { type Finding, note, ok, problem } from "./finding.ts";

export interface StoreLook {
  readonly paths: Paths;
  readonly repair: boolean;
  /** Also compares the digests of all clean files: reads everything. */
  readonly deep: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Paths named of what is not sent. */
const pathsShown = 3;

export function lookAtStores(look: StoreLook): Finding[] {
  const dir = join(look.paths.data, "stores");
  const ids = existsSync(dir) ? readdirSync(dir).sort() : [];
  return ids.flatMap((id) => lookAtStore(look, id, join(dir, id)));
}

/** The container of a store's name. */
function containerOf(id: string): string {
  return id.replace(/-[0-9a-f]{12}(?:\.ephemeral)?$/, "");
}

function mountOf(id: string): string {
  return `smfs mount ${containerOf(id)}${isEphemeral(id) ? " --ephemeral" : ""}`;
}

function lookAtStore(look: StoreLook, id: string, dir: string): Finding[] {
  const isMounted = readMountRecords(look.paths).some((m) => m.id === id && isAlive(m));
  if (isMounted) return [ok("store", `${id}: in use by its mount`)];
  try {
    const report = inspectStore(dir, look);
    if (report.damage !== undefined) return [damaged(look, id, dir, report.damage)];
    if (report.breaches.length > 0) return [broken(look, id, dir, report)];
    return sound(id, report);
  } catch (error) {
    const { message, hint } = toFailure(error);
    if (error instanceof StoreOpenError) return [problem("store", `${id}: ${message}`, hint ?? "")];
    return [problem("store", `${id}: ${message}`, "look into docs/operations.md")];
  }
}

function sound(id: string, report: StoreReport): Finding[] {
  const { entries, unsent, unsentPaths, wasStopped } = report;
  const names = count(entries, "name");
  if (unsent > 0) {
    const first = unsentPaths.slice(0, pathsShown).map(printable).join(", ");
    const message = `${id}: whole, ${names}; ${count(unsent, "change")} not sent: ${first}${unsent > pathsShown ? " …" : ""}`;
    return [note("store", message, `${mountOf(id)} sends them`)];
  }
  if (isEphemeral(id)) {
    return [note("store", `${id}: left by an ephemeral mount`, `${mountOf(id)}, then unmount`)];
  }
  const rest = wasStopped ? "" : "; it was not stopped in peace, which the next mount puts right";
  return [ok("store", `${id}: whole, ${names}${rest}`)];
}

function damaged(look: StoreLook, id: string, dir: string, damage: string): Finding {
  const message = `${id}: the store is damaged: ${damage}`;
  if (!look.repair) {
    const advice =
      "smfs doctor --repair sets it aside, keeps what may only be there, and the next mount fetches the rest";
    return problem("store", message, advice);
  }
  return setAside(look, id, dir, message);
}

function setAside(look: StoreLook, id: string, dir: string, message: string): Finding {
  const stamp = isoTime(look.clock.now()).replace(/[:]/g, "-");
  const aside = join(ensurePrivateDir(join(look.paths.data, "salvage")), `${id}-${stamp}`);
  const saved = salvageStore(dir, aside, look.log);
  const fetch = `${mountOf(id)} fetches everything from the server`;
  if (saved.filesDir === undefined) {
    return note("store", `${message}; set aside in ${aside}, nothing was only there`, fetch);
  }
  const lost = saved.withoutPath === 0 ? "" : `, ${saved.withoutPath} of them without a known path`;
  return note(
    "store",
    `${message}; set aside in ${aside}. ${count(saved.files, "file")} that the server may not have: ${saved.filesDir}${lost}`,
    `${fetch}; then copy what you want back: cp -a ${saved.filesDir}/. ${containerOf(id)}/`,
  );
}

function broken(look: StoreLook, id: string, dir: string, report: StoreReport): Finding {
  const kinds = [...new Set(report.breaches.map(({ invariant }) => invariant))].join(", ");
  const message = `${id}: not everything is as it should be (${kinds})`;
  const isMendable = report.breaches.every(canMend);
  if (!look.repair) {
    return problem("store", message, "smfs doctor --repair mends it with what the server has");
  }
  if (!isMendable) return setAside(look, id, dir, message);
  markForComparison(dir);
  return note(
    "store",
    `${message}; noted`,
    `${mountOf(id)} compares every file, and fetches what is damaged again`,
  );
}
