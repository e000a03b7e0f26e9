/** How a command fails: a sentence, what to do about it, and the exit code of docs/cli.md. */

/** Exit codes of every command. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  /** Something is not safe yet: it is only on this machine. */
  unsafe: 3,
  notFound: 4,
  /** Conflict, or a version that does not fit. */
  conflict: 5,
  noAccess: 6,
  noConnection: 7,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export class CliError extends Error {
  readonly exitCode: ExitCode;
  /** What the user can do, as a sentence; undefined when the message says it. */
  readonly hint: string | undefined;

  constructor(exitCode: ExitCode, message: string, hint?: string) {
    super(message);
    this.name = "CliError";
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

/** A failure as it travels from the daemon to the command that started or asked it. */
export interface Failure {
  readonly exitCode: ExitCode;
  readonly message: string;
  readonly hint?: string;
}

/** What is reported for any thrown value: an error of ours as it is, any other by its message alone. */
export function toFailure(error: unknown): Failure {
  if (error instanceof CliError) {
    const { exitCode, message, hint } = error;
    return hint === undefined ? { exitCode, message } : { exitCode, message, hint };
  }
  const hint = (error as { hint?: unknown } | null)?.hint;
  const message = error instanceof Error ? describe(error) : String(error);
  const exitCode = exitCodes.failed;
  return typeof hint === "string" ? { exitCode, message, hint } : { exitCode, message };
}

/** System errors that a user can do something about, in words; the rest by their own message. */
function describe(error: Error): string {
  const { code, path } = error as NodeJS.ErrnoException;
  const where = path === undefined ? "" : ` ${path}`;
  switch (code) {
    case "ENOSPC":
      return `the disk is full${where === "" ? "" : ` at${where}`}: free some space and try again`;
    case "EDQUOT":
      return `your disk quota is used up${where === "" ? "" : ` at${where}`}: free some space and try again`;
    case "EACCES":
    case "EPERM":
      return `permission denied:${where === "" ? ` ${error.message}` : where}`;
    case "EROFS":
      return `the disk is read-only:${where === "" ? ` ${error.message}` : where}`;
    case "SQLITE_FULL":
      return "the disk is full: free some space and try again";
    default:
      return error.message;
  }
}

export function fromFailure(failure: Failure): CliError {
  return new CliError(failure.exitCode, failure.message, failure.hint);
}
