/** Certificate and key of a server, from files: checked before they are used, and used anew when they are renewed. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { statSync } from "node:fs";
import type { Clock, Logger } from "@smfs/core";
import { toInstant } from "@smfs/core";
import type { TlsOptions } from "@smfs/server";
import { CliError, exitCodes, toFailure } from "./cli-error.ts";
import { tlsLookMs } from "./limits.ts";
import { readSmallFile } from "./private-files.ts";
import type { TlsFiles } from "./server-config.ts";

export interface Certificate extends TlsOptions {
  /** The first name that it is for, for addresses; undefined when it names nobody. */
  readonly name: string | undefined;
  /** Wall-clock milliseconds at which it ends. */
  readonly endsAtMs: number;
}

/**
 * Refuses a secret that others on this machine can read: everybody, or the group of a file that is ours. A key of
 * root's may be readable by a group, which is how certificates are shared with services (as for PostgreSQL).
 * @throws CliError
 */
export function refuseReadable(path: string, what: string): void {
  const { mode, uid } = statSync(path);
  const open = uid === 0 && process.getuid?.() !== 0 ? 0o007 : 0o077;
  if ((mode & open) === 0) return;
  throw new CliError(
    exitCodes.noAccess,
    `others on this machine can read ${what} ${path}`,
    `chmod 600 ${path}`,
  );
}

/**
 * Reads and checks both files: that they are there, that nobody else can read the key, that they belong together.
 * @throws CliError that names the file
 */
export function readTls({ certFile, keyFile }: TlsFiles): Certificate {
  const cert = readOrFail(certFile, "certificate");
  const key = readOrFail(keyFile, "key of the certificate");
  refuseReadable(keyFile, "the key");
  const certificate = parsed(certFile, "certificate", () => new X509Certificate(cert));
  const privateKey = parsed(keyFile, "private key without a passphrase", () =>
    createPrivateKey(key),
  );
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new CliError(
      exitCodes.failed,
      `the key ${keyFile} is not that of the certificate ${certFile}`,
      "the file with the whole chain begins with the server's own certificate",
    );
  }
  return { cert, key, name: nameIn(certificate), endsAtMs: toInstant(certificate.validTo) ?? 0 };
}

function readOrFail(path: string, what: string): string {
  const text = readSmallFile(path);
  if (text !== undefined) return text;
  throw new CliError(exitCodes.notFound, `there is no ${what} ${path}`);
}

function parsed<T>(path: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    // OpenSSL's own words say nothing to people, and might quote what it could not read.
    if (!(error instanceof Error)) throw error;
    throw new CliError(exitCodes.failed, `${path} is not a ${what} in PEM form`);
  }
}

function nameIn({ subjectAltName, subject }: X509Certificate): string | undefined {
  const [, alternative] = /(?:^|, )DNS:([^,\s]+)/.exec(subjectAltName ?? "") ?? [];
  const [, common] = /(?:^|\n)CN=([^\n]+)/.exec(subject) ?? [];
  return alternative ?? common;
}

export interface TlsWatch {
  readonly files: TlsFiles;
  readonly first: Certificate;
  readonly use: (certificate: Certificate) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Looks once a minute whether the files were renewed. A pair that cannot be used (one of the two may be written
 * already) is told once, and the one in use stays.
 * @returns ends it
 */
export function watchTls({ files, first, use, clock, log }: TlsWatch): () => void {
  let current = first;
  let told = "";
  const look = (): void => {
    try {
      const found = readTls(files);
      if (found.cert !== current.cert || found.key !== current.key) {
        use(found);
        current = found;
        log.log("info", "the certificate was renewed", { daysLeft: daysLeft(found, clock) });
      }
      told = "";
    } catch (error) {
      const { message } = toFailure(error);
      if (message !== told) log.log("warn", "the renewed certificate cannot be used", { message });
      told = message;
    }
    cancel = clock.after(tlsLookMs, look);
  };
  let cancel = clock.after(tlsLookMs, look);
  return () => cancel();
}

/** Whole days until a certificate ends; negative when it has ended. */
export function daysLeft({ endsAtMs }: Certificate, clock: Clock): number {
  return Math.floor((endsAtMs - clock.now()) / 86_400_000);
}
