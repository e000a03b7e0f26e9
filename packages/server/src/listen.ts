/** Sockets: bind, tell where, and close without cutting off who is being served. */
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, BlockList, isIP } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { Cancel, Clock } from "@smfs/core";
import type { App } from "./app.ts";

export interface TlsOptions {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface ListenOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly tls?: TlsOptions | undefined;
  readonly clock: Clock;
}

/** An address that other machines reach would be served without TLS. */
export class PlainHttpError extends Error {
  constructor(host: string) {
    super(
      `${host} can be reached by other machines, and without TLS keys and contents travel in the clear`,
    );
    this.name = "PlainHttpError";
  }
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Whether an address is this machine's own alone (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). Of names, only `localhost` is. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host.toLowerCase() === "localhost";
  return loopback.check(host, family === 4 ? "ipv4" : "ipv6");
}

export interface Listening {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /**
   * Another certificate for the connections to come; those that are open keep theirs.
   * @throws Error when it cannot be used, or the server speaks no TLS; then all stays as it was
   */
  useTls(tls: TlsOptions): void;
  /** Takes no new connections, lets running requests end for a while, then closes the rest. */
  close(): Promise<void>;
}

/** Milliseconds for which requests that run when the server stops may go on. */
const graceMs = 5000;
/** Milliseconds between two looks at who has ended, while the server stops. */
const idleRoundMs = 20;
/** Milliseconds a client may take for a request's head, and for all of it: the largest upload at 256 KiB/s. */
const headMs = 30_000;
const requestMs = 600_000;
/** Milliseconds an idle connection is kept: longer than clients and proxies keep theirs. */
const keepAliveMs = 75_000;
/** Oldest version that is spoken: what came before is broken (RFC 8996). */
const tlsFloor = { minVersion: "TLSv1.2" } as const;

/** @throws Error EADDRINUSE, EACCES … from the system */
export async function listen(app: App, options: ListenOptions): Promise<Listening> {
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const limits = {
    headersTimeout: headMs,
    requestTimeout: requestMs,
    keepAliveTimeout: keepAliveMs,
    // Metadata of the largest size, percent-encoded, and what else there is.
    maxHeaderSize: 256 << 10,
  };
  const secure =
    options.tls && createTlsServer({ ...limits, ...tlsFloor, ...options.tls }, listener);
  const server = secure ?? createServer(limits, listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
  // The address of a TCP socket is never a string.
  const { port } = server.address() as AddressInfo;
  const scheme = options.tls === undefined ? "http" : "https";
  const name = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `${scheme}://${name}:${port}`,
    host: options.host,
    port,
    useTls: (tls) => {
      if (secure === undefined) throw new Error("the server speaks no TLS");
      secure.setSecureContext({ ...tlsFloor, ...tls });
    },
    close: () => close(server, options.clock),
  };
}

function close(server: Server, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const until = clock.monotonic() + graceMs;
    let cancel: Cancel = () => undefined;
    const round = (): void => {
      // A connection whose request has just ended is kept alive for the next one, which will not come.
      if (clock.monotonic() < until) server.closeIdleConnections();
      else server.closeAllConnections();
      cancel = clock.after(idleRoundMs, round);
    };
    server.close(() => {
      cancel();
      resolve();
    });
    round();
  });
}
