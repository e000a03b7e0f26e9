import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock, LogLevel } from "@smfs/core";
import { expect, test } from "vitest";
import { exitCodes } from "./cli-error.ts";
import { scratchDir } from "./testing/scratch.ts";
import { type Certificate, daysLeft, readTls, watchTls } from "./tls-files.ts";

/** Certificate and key in files of their own. */
function selfSigned(name: string, days = 1) {
  const dir = scratchDir();
  const files = { certFile: join(dir, "cert.pem"), keyFile: join(dir, "key.pem") };
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const names = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name},IP:127.0.0.1`];
  const out = ["-keyout", files.keyFile, "-out", files.certFile, "-days", `${days}`];
  execFileSync("openssl", ["req", ...kind, ...out, ...names], { stdio: "ignore" });
  chmodSync(files.keyFile, 0o600);
  return files;
}

test("[CLI-41] a certificate and its key are read with the name and the end of the certificate", () => {
  const found = readTls(selfSigned("memory.example", 3));
  expect(found.name).toBe("memory.example");
  expect(found.cert).toMatch(/^-----BEGIN CERTIFICATE-----/);
  const day = 86_400_000;
  const clock = { now: () => found.endsAtMs - 2.5 * day } as Clock;
  expect(daysLeft(found, clock)).toBe(2);
  expect(daysLeft(found, { now: () => found.endsAtMs + 1 } as Clock)).toBe(-1);
});

test("[CLI-41] a key that others can read is refused, and so is what is no certificate, no key, or not its key", () => {
  const files = selfSigned("a");
  for (const mode of [0o644, 0o604, 0o640]) {
    chmodSync(files.keyFile, mode);
    expect(() => readTls(files)).toThrow(
      expect.objectContaining({ exitCode: exitCodes.noAccess, hint: `chmod 600 ${files.keyFile}` }),
    );
  }
  chmodSync(files.keyFile, 0o600);
  expect(readTls(files).name).toBe("a");
  const other = selfSigned("b");
  expect(() => readTls({ ...files, keyFile: other.keyFile })).toThrow("is not that of");
  expect(() => readTls({ ...files, certFile: "/absent.pem" })).toThrow("there is no certificate");
  writeFileSync(other.certFile, "secret words");
  writeFileSync(other.keyFile, "secret words");
  expect(() => readTls({ ...files, certFile: other.certFile })).toThrow(
    /is not a certificate in PEM/,
  );
  expect(() => readTls({ ...files, keyFile: other.keyFile })).toThrow(/is not a private key/);
});

test("[CLI-41] a renewed certificate is used within a minute; half of a pair, or none, leaves the old one in use", () => {
  const files = selfSigned("first");
  const second = selfSigned("second");
  const used: Certificate[] = [];
  const told: [LogLevel, string][] = [];
  let pending: (() => void) | undefined;
  const clock = {
    now: () => 0,
    after: (ms: number, action: () => void) => {
      expect(ms).toBe(60_000);
      pending = action;
      return () => {
        pending = undefined;
      };
    },
  } as Clock;
  const minute = () => pending?.();
  const stop = watchTls({
    files,
    first: readTls(files),
    use: (certificate) => used.push(certificate),
    clock,
    log: { log: (level, message) => told.push([level, message]) },
  });
  minute();
  expect(used).toEqual([]);
  copyFileSync(second.certFile, files.certFile);
  minute();
  minute();
  expect(used).toEqual([]);
  expect(told).toEqual([["warn", "the renewed certificate cannot be used"]]);
  copyFileSync(second.keyFile, files.keyFile);
  minute();
  expect(used.map(({ name }) => name)).toEqual(["second"]);
  expect(told.at(-1)).toEqual(["info", "the certificate was renewed"]);
  minute();
  expect(used).toHaveLength(1);
  stop();
  expect(pending).toBeUndefined();
});
