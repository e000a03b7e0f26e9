/** `smfs doctor`: looks at everything a mount needs, says what is wrong and what to do; with `--repair` it does it. */
import { silentLogger } from "@smfs/core";
import { type ExitCode, exitCodes } from "../cli-error.ts";
import type { ServerFlags } from "../config.ts";
import type { Finding } from "../doctor/finding.ts";
import {
  lookAtDirectories,
  lookAtMachine,
  lookAtMounts,
  lookAtServer,
} from "../doctor/look-around.ts";
import { lookAtStores } from "../doctor/look-at-stores.ts";
import { printable } from "../output.ts";
import type { CommandContext } from "./context.ts";

export interface DoctorOptions extends ServerFlags {
  readonly json?: boolean;
  readonly repair?: boolean;
  readonly deep?: boolean;
}

export async function doctorCommand(
  context: CommandContext,
  options: DoctorOptions,
): Promise<ExitCode> {
  const { output, clock } = context;
  const config = context.config(options);
  const { paths } = config;
  const repair = options.repair === true;
  output.progress("looking");
  const findings = [
    ...lookAtMachine(),
    ...lookAtDirectories(paths),
    ...(await lookAtServer(config, clock)),
    ...(await lookAtMounts(paths, repair)),
    ...lookAtStores({ paths, repair, deep: options.deep === true, clock, log: silentLogger }),
  ];
  output.endProgress();
  if (options.json === true) output.json(findings);
  else for (const finding of findings) print(context, finding);
  const isWell = findings.every(({ level }) => level !== "problem");
  return isWell ? exitCodes.done : exitCodes.failed;
}

const marks: Readonly<Record<Finding["level"], string>> = {
  ok: "ok",
  note: "note",
  problem: "PROBLEM",
};

function print({ output }: CommandContext, { about, level, message, advice }: Finding): void {
  const mark = level === "problem" ? output.bold(marks[level]) : marks[level];
  output.line(`${mark}  ${about}: ${printable(message)}`);
  if (advice !== null) output.line(`      ${printable(advice)}`);
}
