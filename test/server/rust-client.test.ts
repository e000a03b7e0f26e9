// The requests of the public Rust smfs, in its order and with its rules, from what is known of it: it walks lists by
// updatedAt down to a watermark that it compares as a string, fetches bytes without a key, deletes what a list lacks.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ServerProcess, startServer } from "./server-process.ts";

const tag = "rust";
const stamp = { source: "supermemoryfs", lastEditedBy: "user_local" };
let server: ServerProcess;
beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into as that client does
type Json = any;

async function ask(method: string, path: string, body?: unknown): Promise<Json> {
  const isForm = body instanceof FormData;
  const response = await fetch(server.url + path, {
    method,
    headers: {
      authorization: `Bearer ${server.key}`,
      ...(body === undefined || isForm ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

/** One mount's memory of the server: files by path, and where its next pull stops. */
class Mount {
  readonly files = new Map<string, { id: string; bytes: string }>();
  watermark = "";

  async pull(): Promise<void> {
    let newest = this.watermark;
    for (let page = 1; ; page += 1) {
      const listed = await ask("POST", "/v3/documents/list", {
        containerTags: [tag],
        limit: 100,
        page,
        includeContent: true,
        sort: "updatedAt",
        order: "desc",
      });
      for (const document of listed.memories) {
        if (this.watermark !== "" && document.updatedAt <= this.watermark) {
          this.watermark = newest;
          return;
        }
        await this.take(document);
        if (document.updatedAt > newest) newest = document.updatedAt;
      }
      if (page >= listed.pagination.totalPages) break;
    }
    this.watermark = newest;
  }

  async take(document: Json): Promise<void> {
    const old = [...this.files].find(([, file]) => file.id === document.id);
    if (old !== undefined) this.files.delete(old[0]);
    const isBinary = ["image", "pdf", "video", "audio", "webpage"].includes(document.type);
    const bytes = isBinary
      ? Buffer.from(await (await fetch(document.url)).arrayBuffer()).toString("latin1")
      : document.content;
    this.files.set(document.filepath ?? `/${document.id}.md`, { id: document.id, bytes });
  }

  /** What no list has is deleted here. */
  async scan(): Promise<void> {
    const ids = new Set<string>();
    for (let page = 1; ; page += 1) {
      const listed = await ask("POST", "/v3/documents/list", {
        containerTags: [tag],
        limit: 100,
        page,
        includeContent: false,
      });
      for (const { id } of listed.memories) ids.add(id);
      if (page >= listed.pagination.totalPages) break;
    }
    for (const [path, { id }] of this.files) if (!ids.has(id)) this.files.delete(path);
  }

  async untilDone(id: string): Promise<void> {
    for (let tries = 0; (await ask("GET", `/v3/documents/${id}`)).status !== "done"; tries += 1) {
      expect(tries).toBeLessThan(300);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  view(): Record<string, string> {
    return Object.fromEntries([...this.files].map(([path, { bytes }]) => [path, bytes]).sort());
  }
}

const create = (filepath: string, content: string) =>
  ask("POST", "/v3/documents", { content, filepath, containerTag: tag, metadata: stamp });
const upload = (filepath: string, bytes: Buffer, mime: string) => {
  const form = new FormData();
  form.set("file", new Blob([new Uint8Array(bytes)], { type: mime }), filepath.split("/").at(-1));
  form.set("containerTag", tag);
  form.set("filepath", filepath);
  form.set("metadata", JSON.stringify(stamp));
  return ask("POST", "/v3/documents/file", form);
};

test("[SERVER-164] the requests of the Rust client: two mounts see each other's files, changes, renames and deletions", async () => {
  const session = await ask("GET", "/v3/session");
  expect(session.org.id).toEqual(expect.any(String));
  expect(session.user.id).toEqual(expect.any(String));
  await ask("PATCH", `/v3/container-tags/${tag}`, { memoryFilesystemPaths: ["/notes/"] });

  const one = new Mount();
  const two = new Mount();
  await one.pull();
  for (let i = 0; i < 250; i += 1) await create(`/many/n${i}.md`, `note ${i}`);
  const { id } = await create(
    "/notes/plan.md",
    "# plan\n\n- The boiler is serviced every October.\n",
  );
  await one.untilDone(id);
  const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 255]);
  const picture = await upload("/img/cat.png", png, "image/png");
  const opaque = await upload(
    "/data.bin",
    Buffer.from([0, 255, 1, 254]),
    "application/octet-stream",
  );
  await one.untilDone(picture.id);
  await one.untilDone(opaque.id);
  await two.pull();
  await one.pull();
  expect(Object.keys(two.view())).toHaveLength(253);
  expect(two.view()).toEqual(one.view());
  expect(two.view()["/img/cat.png"]).toBe(png.toString("latin1"));
  expect(two.view()["/data.bin"]).toBe("\x00\xff\x01\xfe");

  // A save, an empty file, a save of a binary (always a POST), a rename, and a deletion with both selectors.
  await ask("PATCH", `/v3/documents/${id}`, {
    filepath: "/notes/plan.md",
    content: "changed\n",
    metadata: stamp,
  });
  await create("/empty", "");
  const again = await upload("/img/cat.png", Buffer.concat([png, png]), "image/png");
  expect(again.id).toBe(picture.id);
  await ask("PATCH", `/v3/documents/${opaque.id}`, { filepath: "/moved.bin", metadata: stamp });
  const gone = two.files.get("/many/n7.md")!.id;
  const deleted = await ask("DELETE", "/v3/documents/bulk", { ids: [gone], containerTags: [tag] });
  expect(deleted).toMatchObject({ success: true, deletedCount: 1 });
  await two.pull();
  await two.scan();
  expect(two.view()["/notes/plan.md"]).toBe("changed\n");
  expect(two.view()["/empty"]).toBe("");
  expect(two.view()["/img/cat.png"]).toBe(Buffer.concat([png, png]).toString("latin1"));
  expect(two.view()["/moved.bin"]).toBe("\x00\xff\x01\xfe");
  expect(two.view()["/data.bin"]).toBeUndefined();
  expect(two.view()["/many/n7.md"]).toBeUndefined();
  expect(Object.keys(two.view())).toHaveLength(253);

  const prefix = await ask("DELETE", "/v3/documents/bulk", {
    containerTags: [tag],
    filepath: "/many/",
  });
  expect(prefix).toMatchObject({ success: true, deletedCount: 249 });
  await two.scan();
  expect(Object.keys(two.view()).sort()).toEqual([
    "/empty",
    "/img/cat.png",
    "/moved.bin",
    "/notes/plan.md",
  ]);
  const waiting = await ask("GET", `/v3/documents/processing?containerTag=${tag}`);
  expect(waiting).toEqual({ documents: [], totalCount: 0 });
});

test("[SERVER-165] the requests of the Rust client: grep, the profile, and what it does when told no", async () => {
  const container = "rust_grep";
  await ask("PATCH", `/v3/container-tags/${container}`, { memoryFilesystemPaths: ["/notes/"] });
  const content = "# House\n\n- The boiler is serviced every October.\n";
  const body = { content, filepath: "/notes/house.md", containerTag: container, metadata: stamp };
  const { id } = await ask("POST", "/v3/documents", body);
  for (const filepath of [undefined, "/notes/", "/notes/house.md"]) {
    const found = await ask("POST", "/v4/search", {
      q: "boiler service",
      containerTag: container,
      searchMode: "hybrid",
      ...(filepath === undefined ? {} : { filepath }),
      include: { documents: true },
    });
    const [best] = found.results;
    // Line ranges come from where the chunk stands in the file.
    expect(content).toContain(best.chunk ?? best.memory);
    expect(best).toMatchObject({ filepath: "/notes/house.md", id: expect.any(String) });
    expect(best.similarity).toBeGreaterThan(0.5);
  }
  const { profile } = await ask("POST", "/v4/profile", { containerTag: container });
  expect(profile.dynamic).toEqual(["The boiler is serviced every October."]);
  expect(profile.static).toEqual([]);
  // A repeated POST after a lost answer is the same document; a deletion of nothing is a success.
  expect((await ask("POST", "/v3/documents", body)).id).toBe(id);
  const none = { ids: ["x".repeat(22)], containerTags: [container] };
  expect(await ask("DELETE", "/v3/documents/bulk", none)).toMatchObject({
    success: true,
    deletedCount: 0,
  });
  await ask("DELETE", "/v3/documents/bulk", { ids: [id], containerTags: [container] });
  const gone = ask("PATCH", `/v3/documents/${id}`, { content: "x", filepath: "/notes/house.md" });
  await expect(gone).rejects.toThrow(/^404 /);
});
