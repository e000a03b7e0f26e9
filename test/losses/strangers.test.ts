// Documents that others made: without a path, at impossible paths, at the path of a directory, with addresses of
// other machines.
import { check } from "@smfs/store";
import { expect, test } from "vitest";
import { hostedQuirks } from "../hosted-model/quirks.ts";
import { Rig } from "./rig.ts";
import { asStranger, hasBytes, quiet, servers } from "./scenes.ts";

for (const [server, quirks] of Object.entries(servers)) {
  const started = async () => {
    const rig = new Rig(quirks);
    const a = rig.device("a").start();
    await rig.run(1000);
    return { rig, a };
  };
  const create = (rig: Rig, more: Record<string, unknown>): string => {
    const value = { containerTag: "notes", content: "theirs\n", ...more };
    return (asStranger(rig, "POST", "/v3/documents", value).json as { id: string }).id;
  };

  test(`[W-19] a document at the path of a directory hides nothing in it, with ${server}`, async () => {
    const { rig, a } = await started();
    a.mkdir("/d");
    a.write("/d/x", "inside\n");
    await quiet(rig, a);
    const answer = asStranger(rig, "POST", "/v3/documents", {
      containerTag: "notes",
      filepath: "/d",
      content: "theirs\n",
    });
    await quiet(rig, a);
    expect(a.read("/d/x")).toBe("inside\n");
    if (answer.status >= 400) return;
    // The server takes such a document: it is beside the directory, under a name of its own.
    const [alias] = a.paths().filter((path) => path !== "/d/x");
    expect(a.read(alias ?? "")).toBe("theirs\n");
    const { id } = answer.json as { id: string };
    asStranger(rig, "DELETE", `/v3/documents/${id}`);
    await quiet(rig, a);
    expect(a.paths()).toEqual(["/d/x"]);
    expect(a.read("/d/x")).toBe("inside\n");
    expect(rig.texts()).toEqual({ "/d/x": "inside\n" });
  });

  test(`[W-34] a document without a path can be deleted, and stays so, with ${server}`, async () => {
    const { rig, a } = await started();
    const id = create(rig, {});
    await quiet(rig, a);
    const [path] = a.paths();
    expect(path).toContain(id);
    expect(a.read(path ?? "")).toBe("theirs\n");
    a.unlink(path ?? "");
    await quiet(rig, a);
    expect(rig.model.table.get(id)).toBeUndefined();
    expect(a.paths()).toEqual([]);
  });

  test(`[W-39] a path with dots leads nowhere else, with ${server}`, async () => {
    const { rig, a } = await started();
    const id = create(rig, { filepath: "/good" });
    await quiet(rig, a);
    const doc = rig.model.table.get(id);
    if (doc === undefined) throw new Error("the document is there");
    const evil = ["/../up", "/a/../../b", "/./here", "//twice", "/a/.", "/x\0y", ".."];
    for (const [index, filepath] of evil.entries()) {
      const one = { ...doc, id: `${id}${index}`, customId: null, filepath };
      rig.model.table.put(one, rig.model.monotonicNow, "request");
    }
    await rig.run(200_000);
    expect(a.read("/good")).toBe("theirs\n");
    expect(check(a.store.context)).toEqual([]);
    // Each is shown by its id, and keeps its path at the server.
    const shown = a.paths().filter((path) => path !== "/good");
    expect(shown).toEqual(evil.map((_, index) => `/${id}${index}`));
    for (const path of shown) expect(a.read(path)).toBe("theirs\n");
    expect([...rig.model.table.all()].map(({ filepath }) => filepath).sort()).toEqual(
      ["/good", ...evil].sort(),
    );
    a.unlink(shown[0] ?? "");
    await rig.until(() => rig.model.table.get(`${id}0`) === undefined, "it can be deleted");
    expect(a.errors).toEqual([]);
  });
}

test("[W-49] an address in a document is followed to its own server only", async () => {
  const rig = new Rig({ ...hostedQuirks, processingMs: [50, 100] });
  const a = rig.device("a").start();
  await rig.run(1000);
  a.store.release(a.open("/f"));
  await quiet(rig, a);
  const [doc] = [...rig.model.table.all()];
  if (doc === undefined) throw new Error("the document is there");
  // A page of the web, as a connector makes them: the model shows such an address for every binary.
  const bytes = Uint8Array.of(0xff, 0xfe, 0x00);
  const page = { ...doc, id: "page", customId: null, filepath: "/page", bytes, text: undefined };
  rig.model.table.put({ ...page, type: "webpage" }, rig.model.monotonicNow, "request");
  rig.model.baseUrl = "http://169.254.169.254";
  const from = rig.requests.length;
  await rig.run(120_000);
  const asked = rig.requests.slice(from).map(({ path }) => path);
  // Whatever is asked is asked of the server that was mounted, by a path.
  expect(asked.filter((path) => !path.startsWith("/"))).toEqual([]);
  expect(hasBytes(a, "/f")).toBe(true);
});
