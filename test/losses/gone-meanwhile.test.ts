// A document that is deleted elsewhere while this device has something to send for it.
import { expect, test } from "vitest";
import type { ModelRequest } from "../hosted-model/message.ts";
import { embeddedQuirks, hostedQuirks } from "../hosted-model/quirks.ts";
import { type Device, Rig } from "./rig.ts";

async function quiet(rig: Rig, ...devices: Device[]): Promise<void> {
  await rig.run(3000);
  await rig.until(() => devices.every((device) => device.isClean()), "all is quiet", 400_000);
  await rig.run(60_000);
  await rig.until(() => devices.every((device) => device.isClean()), "all is quiet again", 400_000);
  for (const device of devices) expect(device.errors).toEqual([]);
}

for (const [server, quirks] of [
  ["a server that counts", embeddedQuirks],
  ["a server that does not", hostedQuirks],
] as const) {
  test(`[AGREE-11] a file written again as it was does not come back once it is deleted elsewhere, on ${server}`, async () => {
    const rig = new Rig(quirks);
    const a = rig.device("a").start();
    const b = rig.device("b").start();
    await rig.run(1000);
    a.write("/f", "text\n");
    await quiet(rig, a, b);
    expect(b.read("/f")).toBe("text\n");
    b.isOffline = true;
    await rig.run(70_000);
    b.write("/f", "text\n");
    a.unlink("/f");
    await rig.until(() => a.isClean(), "a has deleted it");
    b.isOffline = false;
    await quiet(rig, a, b);
    expect([a.paths(), b.paths(), rig.texts()]).toEqual([[], [], {}]);
  });

  test(`[AGREE-11] bytes that are new come back, on ${server}`, async () => {
    const rig = new Rig(quirks);
    const a = rig.device("a").start();
    const b = rig.device("b").start();
    await rig.run(1000);
    a.write("/f", "text\n");
    await quiet(rig, a, b);
    b.isOffline = true;
    await rig.run(70_000);
    b.write("/f", "more\n");
    a.unlink("/f");
    await rig.until(() => a.isClean(), "a has deleted it");
    b.isOffline = false;
    await quiet(rig, a, b);
    expect(rig.texts()).toEqual({ "/f": "more\n" });
    expect(a.read("/f")).toBe("more\n");
  });
}

test("[AGREE-4] a creation that comes after its file was adopted by another document, and deleted, is deleted again", async () => {
  const rig = new Rig(embeddedQuirks);
  const a = rig.device("a").start();
  const b = rig.device("b").start();
  await rig.run(1000);
  b.isOffline = true;
  await rig.run(70_000);
  b.write("/f", "mine\n");
  a.write("/f", "theirs\n");
  await rig.until(() => a.isClean(), "a has sent it");
  let late: ModelRequest | undefined;
  rig.onExecuted = (request, device) => {
    if (device === "b" && request.method === "PUT") late ??= request;
  };
  b.isOffline = false;
  await quiet(rig, a, b);
  if (late === undefined) throw new Error("b has sent its creation");
  for (const path of a.paths()) a.unlink(path);
  await quiet(rig, a, b);
  expect(rig.texts()).toEqual({});
  // The same request once more, as a server may carry it out that was cut off from its answer.
  rig.model.handle({ ...late, headers: { ...late.headers, "idempotency-key": "late" } });
  expect(rig.texts()).toEqual({ "/f": "mine\n" });
  await quiet(rig, a, b);
  expect([a.paths(), b.paths(), rig.texts()]).toEqual([[], [], {}]);
});

test("[PULL-12] a file stays whose document the server drops, since somebody's edit of it failed in processing", async () => {
  const rig = new Rig({ ...hostedQuirks, failShare: 0, failedDeleteMs: 120_000 });
  const a = rig.device("a").start();
  await rig.run(1000);
  a.write("/f", "text\n");
  await quiet(rig, a);
  const [doc] = [...rig.model.table.all()].filter(({ filepath }) => filepath === "/f");
  rig.model.quirks = { ...rig.model.quirks, failShare: 1 };
  rig.model.handle({
    method: "PATCH",
    path: `/v3/documents/${doc?.id}`,
    body: { kind: "json", value: { content: "edit\n" } },
  });
  await rig.run(60_000);
  rig.model.quirks = { ...rig.model.quirks, failShare: 0 };
  await rig.run(2_000_000);
  await quiet(rig, a);
  expect(a.paths()).toEqual(["/f"]);
  expect(rig.texts()).toEqual({ "/f": "text\n" });
});

test("[PUSH-7] what a server made of a text is still that when somebody moves its document", async () => {
  const rig = new Rig({ ...hostedQuirks, normalise: { trim: true, crlf: false, urls: false } });
  const a = rig.device("a").start();
  await rig.run(1000);
  a.write("/f", "text\n");
  await quiet(rig, a);
  const [doc] = [...rig.model.table.all()].filter(({ filepath }) => filepath === "/f");
  for (const filepath of ["/g", "/h"]) {
    rig.model.handle({
      method: "PATCH",
      path: `/v3/documents/${doc?.id}`,
      body: { kind: "json", value: { filepath } },
    });
    await rig.run(60_000);
    await quiet(rig, a);
    expect(a.paths()).toEqual([filepath]);
    const entry = a.store.context.entries.byDoc(doc?.id ?? "");
    expect(entry?.diverged).toBe(1);
  }
  expect(a.read("/h")).toBe("text\n");
  expect(rig.texts()).toEqual({ "/h": "text" });
});

test("[AGREE-4] what a file had become before it was deleted here does not bring it back, however late it is told", async () => {
  const rig = new Rig(embeddedQuirks);
  const a = rig.device("a").start();
  await rig.run(1000);
  a.write("/f", "text\n");
  await quiet(rig, a);
  const { fid, doc_id } = a.store.context.entries.byDoc(docAt(rig, "/f")) ?? {};
  // The server has taken a change of ours whose answer was lost: only the look before the deletion has seen it.
  a.isOffline = true;
  await rig.run(70_000);
  rig.model.handle({
    method: "PATCH",
    path: `/v3/documents/${doc_id}`,
    body: {
      kind: "json",
      value: { metadata: { ...docOf(rig, doc_id ?? "")?.metadata, seen: "yes" } },
    },
  });
  a.unlink("/f");
  a.isOffline = false;
  await rig.until(() => rig.texts()["/f"] === undefined, "it is deleted");
  await quiet(rig, a);
  const tomb = a.store.context.tombs.of(doc_id ?? "", fid ?? null);
  expect(tomb?.srev).toBeGreaterThanOrEqual(2);
  expect([a.paths(), rig.texts()]).toEqual([[], {}]);
});

function docAt(rig: Rig, path: string): string {
  return [...rig.model.table.all()].find(({ filepath }) => filepath === path)?.id ?? "";
}

function docOf(rig: Rig, id: string) {
  return [...rig.model.table.all()].find((doc) => doc.id === id);
}
