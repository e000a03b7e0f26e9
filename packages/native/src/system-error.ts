/** A system call that failed, with the errno the kernel gave. */
import { constants } from "node:os";
import { errnos } from "@smfs/core";

const numbers: Readonly<Record<string, number>> = constants.errno;

// Some numbers have two names (EAGAIN and EWOULDBLOCK): the one that core knows comes last and stays.
const names = new Map<number, string>([
  ...Object.entries(numbers).map(([name, number]) => [number, name] as const),
  ...Object.keys(errnos).flatMap((name) => {
    const number = numbers[name];
    return number === undefined ? [] : [[number, name] as const];
  }),
]);

/** `code` is the errno's name, as on Node's own errors, so that `toErrno` of core understands both. */
export class SystemError extends Error {
  readonly code: string;
  readonly errno: number;

  /**
   * @param code the errno's name, such as `"EAGAIN"`
   * @param what the call and what it was about, for people: `"fallocate descriptor 12"`
   */
  constructor(code: string, what: string, options?: ErrorOptions) {
    super(`${code}: ${what}`, options);
    this.name = "SystemError";
    this.code = code;
    this.errno = numbers[code] ?? 0;
  }
}

/** The name of an errno on this platform; `"E<number>"` for one that has none. */
export function systemErrnoName(errno: number): string {
  return names.get(errno) ?? `E${errno}`;
}
