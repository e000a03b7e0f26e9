import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { embeddingModel, factModel, whereMemoryIsFree } from "./server-models.ts";
import { scratchDir } from "./testing/scratch.ts";

/** An address at which nothing listens. */
async function nobody(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}/v1`;
}

test("[CLI-42] a model that is not there fails when it is needed, never before, and says why", async () => {
  expect(await embeddingModel({ kind: "static" })).toBeUndefined();
  const keyFile = join(scratchDir(), "absent");
  const endpoint = { kind: "endpoint", baseUrl: await nobody(), model: "m", keyFile } as const;
  const model = await embeddingModel(endpoint);
  expect(model?.label).toMatch(/^m@127\.0\.0\.1:/);
  await expect(model?.load()).rejects.toThrow(`there is no key file ${keyFile}`);
  const facts = factModel(endpoint);
  const context = { entityContext: null, buckets: [] };
  await expect(facts?.find("text", context, AbortSignal.timeout(5000))).rejects.toThrow(
    "no key file",
  );
  const keyless = await embeddingModel({ ...endpoint, keyFile: null });
  await expect(keyless?.load()).rejects.toThrow();
  expect(factModel(null)).toBeUndefined();
});

test("[CLI-42] the key of an endpoint is read when it is used", async () => {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers.authorization);
    response.writeHead(500).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const keyFile = join(scratchDir(), "key");
  const baseUrl = `http://127.0.0.1:${port}/v1`;
  const model = await embeddingModel({ kind: "endpoint", baseUrl, model: "m", keyFile });
  for (const key of ["one", "two"]) {
    writeFileSync(keyFile, `${key}\n`);
    await expect(model?.load()).rejects.toThrow("answered 500");
  }
  expect(asked).toEqual(["Bearer one", "Bearer two"]);
});

test("[CLI-42] the sharper model is loaded only where memory is free, and asked again later", async () => {
  let free = 100 << 20;
  let loads = 0;
  const source = {
    label: "m",
    name: "m/1",
    questionMs: 1,
    load: () => {
      loads += 1;
      return Promise.reject(new Error("loaded"));
    },
  };
  const model = whereMemoryIsFree(source, () => free);
  expect(model).toMatchObject({ label: "m", name: "m/1", questionMs: 1 });
  await expect(model.load()).rejects.toThrow("100 MiB of memory are free, 600 MiB are needed");
  expect(loads).toBe(0);
  free = 2048 * 2 ** 20;
  await expect(model.load()).rejects.toThrow("loaded");
});

test("[CLI-42] minilm is there where its package and a runtime are installed", async () => {
  const asked = await embeddingModel({ kind: "minilm", isAsked: true });
  expect(asked?.label).toMatch(/^minilm-int8/);
});
