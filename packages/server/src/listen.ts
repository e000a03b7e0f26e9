/** Sockets: bind, tell where, and close without cutting off who is being served. */
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
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

export interface Listening {
  readonly url: string;
  readonly host: string;
  readonly port: number;
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
  const server =
    options.tls === undefined
      ? createServer(limits, listener)
      : createTlsServer({ ...limits, ...options.tls }, listener);
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
