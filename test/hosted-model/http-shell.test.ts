import { expect, test } from "vitest";
import { HttpShell } from "./http-shell.ts";
import { embeddedQuirks, hostedQuirks } from "./quirks.ts";

const key = "sm_model_abcdefghijklmnopqr";

async function call(shell: HttpShell, method: string, path: string, json?: unknown) {
  const response = await fetch(shell.url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  const text = await response.text();
  const body = (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>;
  return { status: response.status, body };
}

const document = { containerTag: "t", filepath: "/a", content: "one" };

test("[MODEL-30] the shell speaks HTTP, checks the key and takes multipart uploads", async () => {
  await using shell = await HttpShell.listen({ key });
  expect((await fetch(`${shell.url}/v3/session`)).status).toBe(401);
  const { status, body } = await call(shell, "POST", "/v3/documents", document);
  expect(status).toBe(200);
  expect((await call(shell, "GET", `/v3/documents/${String(body.id)}`)).body).toMatchObject({
    content: "one",
  });
  const form = new FormData();
  form.set("file", new Blob([new Uint8Array([255, 0])]), "x.bin");
  form.set("containerTag", "t");
  form.set("filepath", "/x.bin");
  const upload = await fetch(`${shell.url}/v3/documents/file`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body: form,
  });
  const { id } = (await upload.json()) as { id: string };
  const { url } = (await call(shell, "GET", `/v3/documents/${id}`)).body;
  const bytes = new Uint8Array(await (await fetch(String(url))).arrayBuffer());
  expect(bytes).toEqual(new Uint8Array([255, 0]));
});

test("[MODEL-31] requests and answers get lost, late and refused when told to", async () => {
  await using shell = await HttpShell.listen({ quirks: hostedQuirks });
  shell.trouble({ match: "POST /v3/documents", what: { kind: "lose-request" } });
  await expect(call(shell, "POST", "/v3/documents", document)).rejects.toThrow();
  expect(shell.model.table.size).toBe(0);
  shell.trouble({ what: { kind: "lose-response" } });
  await expect(call(shell, "POST", "/v3/documents", document)).rejects.toThrow();
  expect(shell.model.table.size).toBe(1);
  shell.trouble({ what: { kind: "execute-late", ms: 2000 } });
  await expect(
    call(shell, "POST", "/v3/documents", { ...document, filepath: "/b" }),
  ).rejects.toThrow();
  expect(shell.model.table.size).toBe(1);
  await expect.poll(() => shell.model.table.size, { timeout: 20_000 }).toBe(2);
  const headers = { "retry-after": "1" };
  shell.trouble({ times: 2, what: { kind: "answer", status: 429, headers } });
  expect((await call(shell, "GET", "/")).status).toBe(429);
  expect((await call(shell, "GET", "/")).status).toBe(429);
  expect((await call(shell, "GET", "/")).status).toBe(200);
});

test("[MODEL-32] processing is held and released, also from another process", async () => {
  await using shell = await HttpShell.listen({
    quirks: { ...hostedQuirks, processingMs: [1, 1] },
  });
  await call(shell, "POST", "/_control", { do: "hold" });
  const { body } = await call(shell, "POST", "/v3/documents", document);
  const path = `/v3/documents/${String(body.id)}`;
  await call(shell, "GET", "/");
  expect((await call(shell, "GET", path)).body.status).toBe("queued");
  await call(shell, "POST", "/_control", { do: "release" });
  await expect.poll(async () => (await call(shell, "GET", path)).body.status).toBe("done");
});

test("[MODEL-33] a long poll over HTTP returns at the next change, and empty when its wait is over", async () => {
  await using shell = await HttpShell.listen({ quirks: embeddedQuirks });
  const { body } = await call(shell, "GET", "/ext/v1/changes?containerTag=t&since=now");
  const path = `/ext/v1/changes?containerTag=t&since=${String(body.cursor)}`;
  const polled = call(shell, "GET", `${path}&wait=20`);
  await call(shell, "POST", "/v3/documents", document);
  expect((await polled).body.changes).toMatchObject([{ filepath: "/a" }]);
  const quiet = await call(shell, "GET", "/ext/v1/changes?containerTag=t&since=now");
  const next = `/ext/v1/changes?containerTag=t&since=${String(quiet.body.cursor)}&wait=1`;
  expect((await call(shell, "GET", next)).body.changes).toEqual([]);
});
