// The built reader in its worker, with the built server.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock, systemRandom } from "@smfs/core";
import { tesseract } from "@smfs/image-text";
import { createServer } from "@smfs/server";
import { afterEach, beforeEach, expect, test } from "vitest";

const key = "sm_images_0123456789abcdefghij";
const note = readFileSync(new URL("../../packages/image-text/assets/note.png", import.meta.url));
let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "smfs-images-"));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true });
});

test("[IMAGE-5] a built server finds an image by its text; its reader starts again after it was freed, and ends with the server", async () => {
  const images = tesseract({ clock: systemClock })!;
  const server = await createServer({
    dataDir,
    keys: [key],
    port: 0,
    images,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
  const call = async (method: string, path: string, body: Uint8Array | string, type: string) => {
    const answer = await server.app.request(path, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        "content-type": type,
        "smfs-container": "work",
        "smfs-filepath": `/${type.replace("/", ".")}`,
      },
      body: body as string,
    });
    return answer.json();
  };
  const found = async () => {
    const question = JSON.stringify({
      q: "when is the boiler serviced",
      containerTag: "work",
      searchMode: "documents",
    });
    const { results } = await call("POST", "/v4/search", question, "application/json");
    return results.map((one: { filepath: string; chunk: string }) => [one.filepath, one.chunk]);
  };
  await call("PUT", "/ext/v1/documents/n_1/raw", note, "image/png");
  await server.idle();
  expect(await found()).toEqual([["/image.png", "The boiler is serviced\nevery October."]]);
  await images.close();
  const again = await images.read({ bytes: note }, new AbortController().signal);
  expect(again).toBe("The boiler is serviced\nevery October.\n");
  const gone = new AbortController();
  const waiting = expect(images.read({ bytes: note }, gone.signal)).rejects.toThrow("given up");
  gone.abort();
  await waiting;
  await server.close();
});
