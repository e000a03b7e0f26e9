import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestServer, type TestServer } from "../testing/test-server.ts";
import type { ImageTextSource } from "./image-text.ts";

let t: TestServer;
let fails = 0;
let asked: string[] = [];
let gate: Promise<void> = Promise.resolve();
/** Reads what stands behind the first eight bytes. */
const images: ImageTextSource = {
  label: "test",
  mediaTypes: new Set(["image/png"]),
  read: async ({ bytes }) => {
    const text = Buffer.from(bytes.subarray(8)).toString();
    asked.push(text);
    await gate;
    if (fails > 0) {
      fails -= 1;
      throw new Error("the reader broke");
    }
    return text;
  },
  close: async () => undefined,
};
const png = (text: string) =>
  Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), Buffer.from(text)]);
const put = (id: string, text: string) =>
  t.call("PUT", `/ext/v1/documents/${id}/raw`, png(text), {
    "smfs-container": "work",
    "smfs-filepath": `/${id}.png`,
    "content-type": "image/png",
  });
const found = async (q: string) => {
  const body = { q, containerTag: "work", searchMode: "documents" };
  const { json } = await t.call("POST", "/v4/search", body);
  return json.results.map((one: { filepath: string; chunk: string }) => [one.filepath, one.chunk]);
};
const owes = async (id: string) => {
  const { json } = await t.call("POST", "/ext/v1/documents/status", { ids: [id], detail: true });
  return json.documents[0].index.owesText;
};

beforeEach(async () => {
  fails = 0;
  asked = [];
  gate = Promise.resolve();
  t = await openTestServer({ images });
});
afterEach(async () => {
  await t.server.idle();
  expect(await t.server.storage.check()).toEqual([]);
  expect(t.errors).toEqual([]);
  await t.close();
});

test("[SERVER-174] an image is done at once, and found by its text a while later, without a visible change", async () => {
  let open: () => void = () => undefined;
  gate = new Promise((resolve) => {
    open = resolve;
  });
  const written = await put("bill", "The boiler was serviced in October for 120 euros.");
  expect(written.json).toMatchObject({ status: "done", rev: 1 });
  expect(await owes("bill")).toBe(true);
  expect((await t.call("GET", "/v3/documents/bill")).json.dreamingStatus).toBe("dreaming");
  const { cursor } = (await t.call("GET", "/ext/v1/changes?containerTag=work")).json;
  open();
  await t.server.idle();
  expect(await owes("bill")).toBe(false);
  expect(await found("when was the boiler serviced")).toEqual([
    ["/bill.png", "The boiler was serviced in October for 120 euros."],
  ]);
  const { json } = await t.call("GET", "/v3/documents/bill");
  expect(json).toMatchObject({ rev: 1, type: "image", status: "done", dreamingStatus: "done" });
  const changes = await t.call("GET", `/ext/v1/changes?containerTag=work&since=${cursor}`);
  expect(changes.json.changes).toEqual([]);
});

test("[SERVER-175] what was read of bytes that are gone is thrown away; new, restored and undeleted ones are read", async () => {
  await put("bill", "An invoice for the piano.");
  await t.server.idle();
  await put("bill", "An invoice for the violin.");
  await t.server.idle();
  expect(await found("invoice")).toEqual([["/bill.png", "An invoice for the violin."]]);
  await t.call("POST", "/ext/v1/documents/bill/versions/1/restore");
  await t.server.idle();
  expect(await found("invoice")).toEqual([["/bill.png", "An invoice for the piano."]]);
  const { id } = (await t.call("GET", "/v3/documents/bill")).json;
  await t.call("DELETE", "/v3/documents/bill");
  expect(await found("invoice")).toEqual([]);
  await t.call("POST", `/ext/v1/documents/${id}/undelete`);
  await t.server.idle();
  expect(await found("invoice")).toEqual([["/bill.png", "An invoice for the piano."]]);
});

test("[SERVER-176] a reader that fails is asked again, an image that breaks it again and again has no text", async () => {
  fails = 1;
  await put("once", "Read at the second try.");
  await t.server.idle();
  expect(await found("second try")).toHaveLength(1);
  fails = 3;
  await put("never", "Nobody reads this ledger.");
  await t.server.idle();
  expect(asked.filter((text) => text.includes("ledger"))).toHaveLength(3);
  expect(await owes("never")).toBe(false);
  expect(await found("ledger")).toEqual([]);
  expect(t.warnings.length).toBe(4);
  // What is no image that it reads is not offered to it.
  await t.call("PUT", "/ext/v1/documents/gif/raw", "GIF89a\u0001\u0000", {
    "smfs-container": "work",
  });
  await t.server.idle();
  expect(asked.some((text) => text.includes("89a"))).toBe(false);
});
