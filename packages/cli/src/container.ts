/** Names of containers, and what is named after them. */
import { createHash } from "node:crypto";
import { CliError, exitCodes } from "./cli-error.ts";

const containerBytesMax = 100;

/**
 * Fails unless the server takes this name (http-api.md: letters, digits and `_ : . -`, at most 100).
 * @throws CliError that says what is wrong and proposes a name
 */
export function checkContainer(name: string): string {
  if (/^[A-Za-z0-9_:.-]{1,100}$/.test(name) && !/^\.+$/.test(name)) return name;
  const proposal = name
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .replace(/[^A-Za-z0-9_:.-]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "")
    .slice(0, containerBytesMax);
  throw new CliError(
    exitCodes.usage,
    `${JSON.stringify(name)} cannot be the name of a container: a name has 1 to ${containerBytesMax} letters, digits and the characters _ : . -`,
    proposal === "" ? undefined : `for example: ${proposal}`,
  );
}

/**
 * Names the store of a container as one server holds it: another server, or another account on it, is another
 * store, so that documents of one are never taken for those of the other.
 * @param identity the server's own, from `serverIdentity`
 */
export function storeId(container: string, identity: string): string {
  return `${container}-${createHash("sha256").update(identity).digest("hex").slice(0, 12)}`;
}

/**
 * Names the store of an ephemeral mount: not the one that stays, so that both can be mounted. It is the same for each,
 * so that the next one finds what a crash has left and sends it.
 */
export function ephemeralId(id: string): string {
  return `${id}.ephemeral`;
}

export function isEphemeral(id: string): boolean {
  return id.endsWith(".ephemeral");
}
