import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { exitCodes } from "./cli-error.ts";
import type { Paths } from "./config.ts";
import { fetchAccount, recallAccount, rememberAccount, serverIdentity } from "./server-link.ts";
import { scratchDir } from "./testing/scratch.ts";

/** A server that gives one answer to everything. */
async function answering(status: number, body: string): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const at = (apiUrl: string) => ({ apiUrl, key: "sm_secret_1", embedded: false });
const session = JSON.stringify({ org: { id: "o1", name: "Org" }, user: { id: "u1", name: null } });

test("[CLI-12] the account is what the session says", async () => {
  expect(await fetchAccount(at(await answering(200, session)))).toEqual({
    orgId: "o1",
    orgName: "Org",
    userId: "u1",
    userName: null,
  });
});

test.each([
  [401, "{}", exitCodes.noAccess, /does not accept the key/],
  [403, "{}", exitCodes.noAccess, /does not accept the key/],
  [404, "{}", exitCodes.noConnection, /answered 404/],
  [503, "{}", exitCodes.noConnection, /answered 503/],
  [200, "<html>", exitCodes.failed, /does not answer like a memory server/],
  [200, `{"org":{"id":""}}`, exitCodes.failed, /does not answer like a memory server/],
  [200, "null", exitCodes.failed, /does not answer like a memory server/],
])(
  "[CLI-12] %i with %s is told by its own sentence and exit code",
  async (status, body, exitCode, message) => {
    const attempt = fetchAccount(at(await answering(status, body)));
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toMatchObject({ exitCode });
  },
);

test("[CLI-12] a server that is not there is no connection, with the reason", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const attempt = fetchAccount(at(`http://127.0.0.1:${port}`));
  await expect(attempt).rejects.toThrow(/nothing listens there/);
  await expect(attempt).rejects.toMatchObject({ exitCode: exitCodes.noConnection });
});

test("[CLI-13] the embedded server is the same at any port; others are told apart by address", () => {
  const embedded = (apiUrl: string) => ({ ...at(apiUrl), embedded: true });
  expect(serverIdentity(embedded("http://a"), "o")).toBe(serverIdentity(embedded("http://b"), "o"));
  expect(serverIdentity(at("http://a"), "o")).not.toBe(serverIdentity(at("http://b"), "o"));
  expect(serverIdentity(at("http://a"), "o")).not.toBe(serverIdentity(at("http://a"), "p"));
});

test("[CLI-3] an account is remembered without its key", () => {
  const dir = scratchDir();
  const paths: Paths = { data: dir, state: dir, runtime: dir, config: dir };
  const account = { orgId: "o", orgName: null, userId: null, userName: null };
  expect(recallAccount(paths, at("http://a"))).toBeUndefined();
  rememberAccount(paths, at("http://a"), account);
  rememberAccount(paths, at("http://b"), { ...account, orgId: "p" });
  expect(recallAccount(paths, at("http://a"))).toEqual(account);
  expect(recallAccount(paths, { ...at("http://a"), key: "other" })).toBeUndefined();
  expect(readFileSync(join(dir, "accounts.json"), "utf8")).not.toContain("sm_secret_1");
});
