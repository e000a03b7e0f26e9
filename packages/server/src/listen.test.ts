import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { get, request } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as tlsConnect } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isLoopback, PlainHttpError } from "./listen.ts";
import { blobPath } from "./storage/sqlite/blobs.ts";
import { openTestServer, type TestServer, testKey } from "./testing/test-server.ts";

let t: TestServer;
let url: string;
beforeEach(async () => {
  t = await openTestServer();
  ({ url } = await t.server.listen());
});
afterEach(async () => {
  expect(t.errors).toEqual([]);
  await t.close();
});

const headers = { authorization: `Bearer ${testKey}` };
const ask = (path: string, init: RequestInit = {}) =>
  fetch(url + path, { ...init, headers: { ...headers, ...init.headers } });

test("[SERVER-117] over a socket: dates, exact content type, DELETE with a body, HEAD without one", async () => {
  const made = await ask("/v3/documents", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ content: "x", containerTag: "work" }),
  });
  expect(made.headers.get("content-type")).toBe("application/json");
  expect(made.headers.get("date")).toMatch(/GMT$/);
  expect(made.headers.get("x-request-id")).toMatch(/^[0-9a-f]{24}$/);
  const { id } = await made.json();
  const deleted = await ask("/v3/documents/bulk", {
    method: "DELETE",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ids: [id] }),
  });
  expect((await deleted.json()).deletedCount).toBe(1);
  await ask("/ext/v1/fs/work/a", { method: "PUT", body: "12345" });
  const head = await ask("/ext/v1/fs/work/a", { method: "HEAD" });
  expect([head.headers.get("content-length"), await head.text()]).toEqual(["5", ""]);
});

test("[SERVER-213] a base address that ends in a slash is as good as one that does not", async () => {
  const answer = await ask("//v3/documents/list", { method: "POST", body: "{}" });
  expect(answer.status).toBe(200);
  expect((await ask("//v3//documents/list", { method: "POST", body: "{}" })).status).toBe(404);
});

test("[SERVER-118] a long poll is woken by the commit itself, long before its wait is over", async () => {
  let { cursor } = await (await ask("/ext/v1/changes?since=now&containerTag=work")).json();
  for (let i = 0; i < 20; i += 1) {
    const waiting = ask(`/ext/v1/changes?containerTag=work&wait=50&since=${cursor}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
    let wasCommitted = false;
    const stop = t.server.storage.onCommit(() => {
      wasCommitted = true;
    });
    await ask(`/ext/v1/fs/work/f${i}`, { method: "PUT", body: "x" });
    stop();
    expect(wasCommitted).toBe(true);
    // Nothing but the commit can end a wait of 50 seconds this early: the test's own limit is shorter.
    const page = await (await waiting).json();
    expect(page.changes.length).toBe(1);
    ({ cursor } = page);
  }
}, 45_000);

test("[SERVER-119] stopping ends long polls at once and lets running requests finish", async () => {
  const { cursor } = await (await ask("/ext/v1/changes?since=now&containerTag=work")).json();
  const waiting = ask(`/ext/v1/changes?containerTag=work&wait=50&since=${cursor}`);
  const stream = await ask("/ext/v1/changes/stream?since=now");
  const writes = Array.from({ length: 50 }, (_, i) =>
    ask(`/ext/v1/fs/work/w${i}`, { method: "PUT", body: "x" }),
  );
  await new Promise((resolve) => setTimeout(resolve, 20));
  const started = performance.now();
  const stopping = t.server.close();
  expect((await waiting).status).toBe(200);
  await stream.text();
  for (const write of await Promise.allSettled(writes)) {
    if (write.status === "fulfilled") expect([201, 503]).toContain(write.value.status);
  }
  await stopping;
  expect(performance.now() - started).toBeLessThan(4000);
  await t.restart();
});

test("[SERVER-120] a client that goes away in the middle of an upload leaves nothing", async () => {
  const { port } = new URL(url);
  const socket = connect(Number(port), "127.0.0.1");
  socket.write(
    `PUT /ext/v1/fs/work/part HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${testKey}\r\nContent-Length: 1000000\r\n\r\n`,
  );
  socket.write("x".repeat(200_000));
  await new Promise((resolve) => setTimeout(resolve, 100));
  socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect((await ask("/ext/v1/fs/work/part")).status).toBe(404);
  expect((await ask("/health")).status).toBe(200);
});

/** A certificate that signs itself, made for the test. */
function selfSigned(name: string): { cert: string; key: string } {
  const dir = mkdtempSync(join(tmpdir(), "smfs-tls-"));
  const [key, cert] = [join(dir, "key"), join(dir, "cert")];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const args = ["req", ...kind, "-keyout", key, "-out", cert, "-days", "1", "-subj", `/CN=${name}`];
  try {
    execFileSync("openssl", args, { stdio: "ignore" });
    return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Whom a server's certificate names, seen on a new connection. */
function certifiedName(port: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = tlsConnect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      resolve(subject.CN as string | undefined);
    });
    socket.on("error", reject);
  });
}

test("[SERVER-204] a renewed certificate is used by the next connection; one that cannot be used changes nothing", async () => {
  const secure = await openTestServer({ tls: selfSigned("first") });
  const listening = await secure.server.listen();
  expect(await certifiedName(listening.port)).toBe("first");
  expect(() => listening.useTls({ cert: "none", key: "none" })).toThrow();
  expect(await certifiedName(listening.port)).toBe("first");
  listening.useTls(selfSigned("second"));
  expect(await certifiedName(listening.port)).toBe("second");
  await secure.close();
});

test("[SERVER-205] where other machines reach it the server speaks TLS and asks for keys, or does not start", async () => {
  for (const host of ["0.0.0.0", "::", "192.168.1.5", "memory.example", "128.0.0.1", "::2"]) {
    const dataDir = join(tmpdir(), "smfs-never-made");
    await expect(openTestServer({ host, dataDir })).rejects.toThrow(PlainHttpError);
    const keyless = openTestServer({ host, dataDir, allowHttp: true, auth: "loopback" });
    await expect(keyless).rejects.toThrow("need a key");
    expect(existsSync(dataDir)).toBe(false);
  }
  for (const host of ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost"]) {
    expect(isLoopback(host)).toBe(true);
  }
  const allowed = await openTestServer({ host: "0.0.0.0", allowHttp: true });
  const { port } = await allowed.server.listen();
  expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
  await allowed.close();
  const secure = await openTestServer({ host: "0.0.0.0", tls: selfSigned("x") });
  expect((await secure.server.listen()).url).toMatch(/^https:/);
  await secure.close();
});

test("[SERVER-121] with a certificate the server speaks TLS, and says so in addresses", async () => {
  const tls = selfSigned("localhost");
  const secure = await openTestServer({ tls });
  const listening = await secure.server.listen();
  expect(listening.url).toMatch(/^https:/);
  const status = await new Promise((resolve, reject) => {
    get(
      `${listening.url}/`,
      { ca: tls.cert, servername: "localhost", checkServerIdentity: () => undefined },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      },
    ).on("error", reject);
  });
  expect(status).toBe(200);
  const png = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");
  const url = await new Promise<string>((resolve, reject) => {
    const put = request(
      `${listening.url}/ext/v1/documents/n/raw`,
      {
        method: "PUT",
        ca: tls.cert,
        checkServerIdentity: () => undefined,
        headers: { ...headers, "smfs-container": "work", "smfs-filepath": "/a.png" },
      },
      (answer) => {
        answer.resume().on("end", () => {
          get(
            `${listening.url}/v3/documents/n/file-url`,
            { ca: tls.cert, headers, checkServerIdentity: () => undefined },
            (got) => {
              let text = "";
              got.on("data", (part) => {
                text += String(part);
              });
              got.on("end", () => resolve(JSON.parse(text).url));
            },
          ).on("error", reject);
        });
      },
    );
    put.on("error", reject);
    put.end(png);
  });
  expect(url.startsWith(`${listening.url}/files/`)).toBe(true);
  await secure.close();
});

test("[SERVER-142] a body that is too large is answered, not cut off; the connection goes on", async () => {
  await t.close();
  t = await openTestServer({
    limits: { textBytesMax: 1000, jsonBytesMax: 100_000, uploadBytesMax: 100_000 },
  });
  ({ url } = await t.server.listen());
  const big = "x".repeat(3_000_000);
  const json = await ask("/v3/documents", {
    method: "POST",
    body: JSON.stringify({ content: big }),
  });
  expect([json.status, (await json.json()).error]).toEqual([413, "Payload Too Large"]);
  const raw = await ask("/ext/v1/fs/work/a", { method: "PUT", body: big });
  expect([raw.status, (await raw.json()).error]).toEqual([413, "Payload Too Large"]);
  const form = new FormData();
  form.set("file", new Blob([big]), "a.bin");
  const file = await ask("/v3/documents/file", { method: "POST", body: form });
  expect([file.status, (await file.json()).error]).toEqual([413, "Payload Too Large"]);
  const unauthorized = await fetch(`${url}/ext/v1/fs/work/a`, { method: "PUT", body: big });
  expect(unauthorized.status).toBe(401);
  expect((await ask("/health")).status).toBe(200);
});

test("[SERVER-143] bytes that go missing while they are sent break the connection, and are told in the log", async () => {
  const bytes = "x".repeat(5_000_000);
  await ask("/ext/v1/fs/work/a", { method: "PUT", body: bytes });
  const { content } = (await t.server.storage.documentByPath("work", "/a"))!;
  await t.server.idle();
  truncateSync(blobPath(t.dataDir, content.digest), 1_000_000);
  const answer = await ask("/ext/v1/fs/work/a");
  expect(answer.headers.get("content-length")).toBe("5000000");
  await expect(answer.text()).rejects.toThrow();
  expect(t.warnings).toEqual(["an answer broke off"]);
  expect((await ask("/health")).status).toBe(200);
});
