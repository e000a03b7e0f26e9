import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Device } from "./device.ts";
import { Endpoint } from "./endpoint.ts";
import { bearer, Serving, selfSigned } from "./serving.ts";

const soon = { timeout: 60_000, interval: 100 };

/** A configuration of the device's own server. */
function configure(device: Device, settings: unknown): string {
  const file = join(device.dir, "config/smfs/server.json");
  mkdirSync(join(device.dir, "config/smfs"), { recursive: true });
  writeFileSync(file, typeof settings === "string" ? settings : JSON.stringify(settings));
  return file;
}

test("[CLI-47] a server with a certificate, from a file, is mounted by who trusts it and by nobody else", async () => {
  const device = new Device();
  const tls = selfSigned(device);
  const keyFile = join(device.dir, "server.key");
  writeFileSync(keyFile, "sm_own_0123456789abcdefghij\n", { mode: 0o600 });
  const config = join(device.dir, "memory.json");
  const settings = { host: "0.0.0.0", port: 0, data: "served", keyFile: "server.key", tls };
  writeFileSync(config, JSON.stringify({ ...settings, log: { file: "serve.log" } }));
  const serving = await Serving.start(device, ["--config", config]);
  expect(serving.url).toMatch(/^https:\/\/0\.0\.0\.0:\d+$/);
  expect(serving.said).toContain("--api-url https://localhost:");
  const apiUrl = `https://127.0.0.1:${new URL(serving.url).port}`;
  const flags = ["--api-url", apiUrl, "--key-file", keyFile];

  const distrusted = new Device();
  const path = join(distrusted.dir, "m");
  const refused = await distrusted.smfs(["mount", "notes", "--path", path, ...flags]);
  expect(refused).toMatchObject({ code: 7, err: expect.stringContaining("self-signed") });
  const two = new Device();
  const env = { NODE_EXTRA_CA_CERTS: tls.cert };
  const mount = join(two.dir, "mounts/notes");
  await two.ok(["mount", "notes", "--path", mount, ...flags], { env });
  writeFileSync(join(mount, "a.md"), "The boiler is serviced every October.\n");
  await two.ok(["sync", mount]);
  expect(await two.ok(["grep", "furnace check", mount])).toContain("boiler");
  await two.ok(["unmount", mount]);

  expect(await serving.end()).toBe(0);
  const log = join(device.dir, "serve.log");
  expect(statSync(log).mode & 0o777).toBe(0o600);
  expect(readFileSync(log, "utf8")).toContain('"msg":"listening"');
});

test("[CLI-47] other machines are not let in without TLS, nor with a key that others can read, and nothing is made then", async () => {
  const device = new Device();
  const { cert, key } = selfSigned(device);
  const data = join(device.dir, "served");
  const serve = (...args: string[]) =>
    device.smfs(["serve", "--port", "0", "--data", data, ...args]);
  const tls = ["--tls-cert", cert, "--tls-key", key];
  expect(await serve("--host", "0.0.0.0")).toMatchObject({
    code: 2,
    err: expect.stringContaining("--allow-http"),
  });
  expect((await serve("--host", "::", "--allow-http", "--auth", "loopback")).code).toBe(2);
  chmodSync(key, 0o644);
  expect(await serve(...tls)).toMatchObject({ code: 6, err: expect.stringContaining("chmod 600") });
  chmodSync(key, 0o600);
  expect((await serve("--tls-cert", cert)).code).toBe(2);
  const open = join(device.dir, "open.key");
  writeFileSync(open, "sm_open_0123456789abcdefghij\n", { mode: 0o644 });
  expect(await serve("--key-file", open)).toMatchObject({
    code: 6,
    err: expect.stringContaining("chmod 600"),
  });
  expect(existsSync(data)).toBe(false);
  expect((await serve("--host", "192.0.2.1", "--allow-http")).code).toBe(1);
  const file = configure(device, { tsl: { cert, key } });
  expect(await serve()).toMatchObject({
    code: 2,
    err: expect.stringContaining(`${file}: unknown setting tsl`),
  });
  const mounted = await device.smfs(["mount", "notes", "--path", join(device.dir, "m")]);
  expect(mounted).toMatchObject({ code: 2, err: expect.stringContaining("unknown setting tsl") });
});

test("[CLI-47] --auth loopback serves programs of this machine without a key, and no web page", async () => {
  const device = new Device();
  const data = ["--data", join(device.dir, "served")];
  const serving = await Serving.start(device, ["--port", "0", "--auth", "loopback", ...data]);
  const ask = async (headers: Record<string, string>) =>
    (await fetch(`${serving.url}/v3/session`, { headers })).status;
  expect(await ask({})).toBe(200);
  expect(await ask({ origin: "https://evil.example" })).toBe(403);
  expect(await ask({ authorization: "Bearer wrong" })).toBe(401);
});

test("[CLI-50] limits of size and rate hold as they are set, and addresses are those of the proxy in front", async () => {
  const device = new Device();
  const data = join(device.dir, "served");
  const config = join(device.dir, "memory.json");
  writeFileSync(
    config,
    JSON.stringify({
      host: "0.0.0.0",
      port: 0,
      allowHttp: true,
      publicUrl: "https://memory.example/api/",
      data,
      limits: { textBytes: 2000, uploadBytes: 4000 },
      rateLimit: { requests: 12, windowSeconds: 3600 },
    }),
  );
  const serving = await Serving.start(device, ["--config", config]);
  expect(serving.said).toContain("--api-url https://memory.example/api --key-file");
  const own = bearer(join(data, "key"));
  const url = `http://127.0.0.1:${new URL(serving.url).port}`;
  const put = async (path: string, body: string | Uint8Array<ArrayBuffer>) =>
    await fetch(`${url}/ext/v1/fs/work/${path}`, { method: "PUT", headers: own, body });
  expect((await put("small.md", "x".repeat(2000))).status).toBe(201);
  const json = await fetch(`${url}/v3/documents`, {
    method: "POST",
    headers: { ...own, "content-type": "application/json" },
    body: JSON.stringify({ content: "x".repeat(2001), containerTag: "work" }),
  });
  expect(json.status).toBe(413);
  const picture = await put("picture.png", Buffer.from("89504e470d0a1a0a0000000d49484452", "hex"));
  expect(picture.status).toBe(201);
  expect((await put("picture.png", new Uint8Array(4001))).status).toBe(413);
  const { id } = (await picture.json()) as { id: string };
  const signed = await fetch(`${url}/v3/documents/${id}/file-url`, { headers: own });
  const address = ((await signed.json()) as { url: string }).url;
  expect(address).toMatch(/^https:\/\/memory\.example\/api\/files\//);
  expect((await fetch(address.replace("https://memory.example/api", url))).status).toBe(200);
  const statuses: number[] = [];
  for (let i = 0; i < 12; i += 1) {
    statuses.push((await fetch(`${url}/v3/session`, { headers: own })).status);
  }
  expect(statuses.at(0)).toBe(200);
  expect(statuses.at(-1)).toBe(429);
  // Who asks only whether it is alive is not counted.
  expect((await fetch(`${url}/health`)).status).toBe(200);
});

test("[CLI-48] the log has a line for each request, and no content, path, question or key, whatever goes wrong", async () => {
  const device = new Device();
  const data = join(device.dir, "served");
  const args = ["--port", "0", "--data", data, "--log-level", "debug"];
  const serving = await Serving.start(device, args);
  const own = bearer(join(data, "key"));
  const secret = "Sesame-7f3a";
  const json = { ...own, "content-type": "application/json" };
  const requests: [string, string, RequestInit["body"], Record<string, string>][] = [
    ["PUT", `/ext/v1/fs/work/${secret}.md`, `the word is ${secret}`, own],
    ["GET", `/ext/v1/fs/work/${secret}.md`, null, own],
    ["GET", `/ext/v1/fs/work/absent-${secret}.md`, null, own],
    ["GET", `/${secret}?q=${secret}`, null, own],
    ["GET", "/v3/session", null, { authorization: `Bearer ${secret}` }],
    ["POST", "/v4/search", JSON.stringify({ q: secret, containerTag: "work" }), json],
    ["POST", "/v4/search", `{"q": ${secret}`, json],
    ["POST", "/v3/documents", JSON.stringify({ content: secret, filepath: secret }), json],
    ["POST", "/v3/documents", JSON.stringify({ content: { [secret]: secret } }), json],
    [
      "PUT",
      "/ext/v1/fs/work/a.pdf",
      `%PDF-1.4 ${secret}`,
      { ...own, "content-type": "application/pdf" },
    ],
    ["PUT", "/ext/v1/fs/work/a.docx", `PK\u0003\u0004${secret}`, own],
    ["GET", "/v3/session", null, { ...own, "x-request-id": `mine-${secret.toLowerCase()}!` }],
  ];
  const answered: string[] = [];
  for (const [method, path, body = null, headers] of requests) {
    const answer = await fetch(`${serving.url}${path}`, { method, headers, body });
    await answer.arrayBuffer();
    answered.push(answer.headers.get("x-request-id") ?? "");
  }
  const key = readFileSync(join(data, "key"), "utf8").trim();
  await device.ok(["server", "keys", "create", secret, "--data", data]);
  expect(await serving.end()).toBe(0);
  const lines = serving.log.split("\n").flatMap((line) => (line.startsWith("{") ? [line] : []));
  const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const ids = told.flatMap(({ msg, requestId }) => (msg === "request" ? [requestId] : []));
  expect(ids).toEqual(answered);
  expect(told.find(({ msg }) => msg === "request")).toMatchObject({
    route: expect.any(String),
    status: expect.any(Number),
    ms: expect.any(Number),
  });
  expect(serving.log.toLowerCase()).not.toContain(secret.toLowerCase());
  expect(serving.log).not.toContain(key);
});

test("[CLI-49] an endpoint in the place of the sharper model reads the index; status tells how far it is", async () => {
  const endpoint = await Endpoint.listen();
  const device = new Device();
  writeFileSync(join(device.dir, "e.key"), "the-endpoint's-key\n", { mode: 0o600 });
  configure(device, {
    embedder: { url: endpoint.url, model: "counter", keyFile: join(device.dir, "e.key") },
  });
  // The file is what is meant, not what other tests are told by the environment.
  const env = { SMFS_EMBEDDER: "" };
  const mount = join(device.dir, "mounts/notes");
  await device.ok(["mount", "notes", "--path", mount], { env });
  writeFileSync(join(mount, "a.md"), "The boiler is serviced every October.\n");
  await device.ok(["sync", mount]);
  interface Search {
    readonly chunks: number;
    readonly models: readonly {
      readonly name: string;
      readonly chunks: number;
      readonly state: string;
    }[];
  }
  const search = async () => (await device.status(mount)).search as Search;
  await expect
    .poll(async () => (await search()).models.map(({ chunks }) => chunks), soon)
    .toEqual([1, 1]);
  const { chunks, models } = await search();
  expect(chunks).toBe(1);
  expect(models[1]).toMatchObject({
    name: expect.stringMatching(/^counter@127\.0\.0\.1:\d+\/64$/),
    state: "answering",
  });
  expect(await device.ok(["status", mount])).toMatch(/counter@.*: all of them/);
  expect([...endpoint.keys]).toEqual(["Bearer the-endpoint's-key"]);
  expect(endpoint.texts.join()).toContain("boiler");
  expect(await device.ok(["grep", "boiler serviced", mount])).toContain("October");
  expect(device.logs()).not.toContain("the-endpoint's-key");

  // Out of reach, it is told to be so; what was found before is found now.
  await endpoint.close();
  await device.ok(["unmount", mount]);
  await device.ok(["server", "stop"]);
  await device.ok(["mount", "notes", "--path", mount], { env });
  writeFileSync(join(mount, "b.md"), "The roses are cut back in March.\n");
  await device.ok(["sync", mount]);
  await expect.poll(async () => (await search()).models[1]?.state, soon).toBe("failed");
  expect(await device.ok(["status", mount])).toContain("not available");
  expect(await device.ok(["grep", "pruning flowers", mount])).toContain("roses");
});

test("[CLI-49] the sharper model that comes with it reads the index in the background", async () => {
  const device = new Device();
  const mount = join(device.dir, "mounts/notes");
  await device.ok(["mount", "notes", "--path", mount], { env: { SMFS_EMBEDDER: "minilm" } });
  writeFileSync(join(mount, "a.md"), "The boiler is serviced every October.\n");
  await device.ok(["sync", mount]);
  const names = async () => {
    const { models } = (await device.status(mount)).search as {
      models: { name: string; chunks: number }[];
    };
    return models.filter(({ chunks }) => chunks === 1).map(({ name }) => name.split("/")[0]);
  };
  await expect.poll(names, { timeout: 150_000, interval: 500 }).toHaveLength(2);
  expect((await names())[1]).toContain("minilm");
  await device.ok(["unmount", mount]);
  expect(await device.ok(["server", "stop"])).toContain("has ended");
});
