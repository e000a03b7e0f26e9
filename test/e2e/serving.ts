/** `smfs serve` as a child of a test: ended with it, also when it fails. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { type Device, launcher } from "./device.ts";

const soon = { timeout: 30_000, interval: 50 };

export class Serving {
  readonly #child: ChildProcess;
  #out = "";
  #err = "";
  readonly #exit: Promise<number | null>;

  private constructor(device: Device, args: readonly string[], env: Record<string, string>) {
    this.#child = spawn(process.execPath, [launcher, "serve", ...args], {
      cwd: device.dir,
      env: { ...device.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#exit = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.stdout?.setEncoding("utf8").on("data", (part: string) => {
      this.#out += part;
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (part: string) => {
      this.#err += part;
    });
    onTestFinished(() => {
      this.#child.kill("SIGKILL");
    });
  }

  /** Starts it and waits until it says that it serves. */
  static async start(
    device: Device,
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<Serving> {
    const serving = new Serving(device, args, env);
    await expect.poll(() => serving.said, soon).toContain("Ctrl-C ends it.");
    return serving;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Standard output and error so far. */
  get said(): string {
    return this.#out + this.#err;
  }

  get log(): string {
    return this.#err;
  }

  /** The address that it says to listen on. */
  get url(): string {
    return /memory server on (\S+)/.exec(this.#out)?.[1] ?? "";
  }

  /** Ends it as a service manager does. @returns its exit code */
  async end(): Promise<number | null> {
    this.#child.kill("SIGTERM");
    return await this.#exit;
  }
}

/** A certificate for loopback that signs itself, and its key, in files of the device. */
export function selfSigned(device: Device): { readonly cert: string; readonly key: string } {
  const files = { cert: join(device.dir, "cert.pem"), key: join(device.dir, "key.pem") };
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const out = ["-keyout", files.key, "-out", files.cert, "-days", "2"];
  execFileSync("openssl", ["req", ...kind, ...out, ...names], { stdio: "ignore" });
  chmodSync(files.key, 0o600);
  return files;
}

/** A bearer header with the key in a file. */
export function bearer(keyFile: string): Record<string, string> {
  return { authorization: `Bearer ${readFileSync(keyFile, "utf8").trim()}` };
}
