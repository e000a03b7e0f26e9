/** `smfs version`: what is installed, for reports. */
import { readFileSync } from "node:fs";
import { type ExitCode, exitCodes } from "../cli-error.ts";
import type { CommandContext } from "./context.ts";

export interface VersionOptions {
  readonly json?: boolean;
}

/** The version in the package's own manifest. */
export function packageVersion(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

export function versionCommand(context: CommandContext, options: VersionOptions): ExitCode {
  const { version, arch, platform } = process;
  const smfs = packageVersion();
  if (options.json === true) context.output.json({ version: smfs, node: version, platform, arch });
  else context.output.line(`smfs ${smfs} (Node ${version}, ${platform} ${arch})`);
  return exitCodes.done;
}
