import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { openTestServer, type TestServer } from "../testing/test-server.ts";
import { chatFacts, partsOf } from "./chat-facts.ts";
import { findFacts } from "./find-facts.ts";

const none = { buckets: [] };
const texts = (text: string) => findFacts(text, none).map((fact) => fact.text);

describe("sentences", () => {
  test("[SERVER-131] items and sentences are facts; code, tables, front matter and rules are not", () => {
    expect(
      texts(
        "---\ntitle: x y z\n---\n# About\n\nAda lives in Graz. She\nrides a bike!\n\n- likes tea\n* [x] has a cat\n1. two sisters\n\n| a | b |\n|---|---|\n\n```sh\nrm -rf /\n```\n---\n> quoted words\n",
      ),
    ).toEqual([
      "Ada lives in Graz.",
      "She rides a bike!",
      "likes tea",
      "has a cat",
      "two sisters",
      "quoted words",
    ]);
  });

  test("a fact's kind is its heading's", () => {
    const facts = findFacts(
      "## Profile\n- one fact\n## My Tools\n- two facts\n## Else\n- three facts\n",
      {
        buckets: [{ key: "my-tools", description: "" }],
      },
    );
    expect(facts).toEqual([
      { text: "one fact", isStatic: true, bucket: null },
      { text: "two facts", isStatic: false, bucket: "my-tools" },
      { text: "three facts", isStatic: false, bucket: null },
    ]);
  });

  test("facts of any text are parts of it, each once, and bounded", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom("- ", "\n", "# ", "```", ". "))),
        (parts) => {
          const text = parts.join("");
          const found = texts(text);
          const plain = text.replace(/\s+/g, "");
          expect(new Set(found).size).toBe(found.length);
          expect(found.length).toBeLessThanOrEqual(200);
          for (const fact of found) {
            expect(plain.replace(/>/g, "")).toContain(fact.replace(/\s+/g, "").replace(/>/g, ""));
          }
        },
      ),
    );
    expect(
      texts(
        "- item number one\n".repeat(3) +
          Array.from({ length: 500 }, (_, i) => `- item ${i}\n`).join(""),
      ),
    ).toHaveLength(200);
  });
});

describe("language model", () => {
  let endpoint: Server | undefined;
  let t: TestServer | undefined;
  afterEach(async () => {
    await t?.close();
    endpoint?.closeAllConnections();
    endpoint?.close();
  });

  const open = async (answer: (body: string) => { status?: number; text: string }) => {
    const asked: { body: string; key: string | undefined }[] = [];
    endpoint = createServer((request, response) => {
      let body = "";
      request.on("data", (part) => {
        body += String(part);
      });
      request.on("end", () => {
        asked.push({ body, key: request.headers.authorization });
        const { status = 200, text } = answer(body);
        response.writeHead(status, { "content-type": "application/json" }).end(text);
      });
    });
    await new Promise<void>((resolve) => endpoint!.listen(0, "127.0.0.1", resolve));
    const { port } = endpoint.address() as AddressInfo;
    t = await openTestServer({
      facts: chatFacts({ baseUrl: `http://127.0.0.1:${port}/v1`, model: "some", key: "secret" }),
    });
    return asked;
  };
  const chat = (content: string) => ({
    text: JSON.stringify({ choices: [{ message: { content } }] }),
  });
  const write = (content: string) =>
    t!.call("POST", "/v3/documents", { content, filepath: "/user.md", containerTag: "me" });
  const memories = async () =>
    (
      await t!.call("POST", "/v4/memories/list", { containerTags: ["me"], order: "asc" })
    ).json.memoryEntries.map((memory: { memory: string }) => memory.memory);

  test("[SERVER-132] facts come from the model, in the background, for the bytes that it was asked about", async () => {
    const asked = await open((body) =>
      chat(
        `\`\`\`json\n${JSON.stringify({
          facts: [
            { text: body.includes("second") ? "Ada moved" : "Ada lives in Graz", static: true },
            { text: "x" },
            { text: "  Ada   rides ", bucket: "unknown" },
          ],
        })}\n\`\`\``,
      ),
    );
    await t!.call("PATCH", "/v3/container-tags/me", { entityContext: "about Ada" });
    expect((await write("first text")).json.status).toBe("done");
    await t!.server.idle();
    expect(await memories()).toEqual(["Ada lives in Graz", "Ada rides"]);
    expect(asked[0]?.key).toBe("Bearer secret");
    expect(asked[0]?.body).toContain("about Ada");
    await write("second text");
    await t!.server.idle();
    expect(await memories()).toEqual(["Ada rides", "Ada moved"]);
    const { profile } = (await t!.call("POST", "/v4/profile", { containerTag: "me" })).json;
    expect(profile.static).toEqual(["Ada moved"]);
  });

  test("[SERVER-133] a model that fails again and again costs nothing: the document's own sentences are its facts", async () => {
    let count = 0;
    await open(() => {
      count += 1;
      return count % 2 === 0 ? { status: 500, text: "{}" } : chat("no json here");
    });
    await write("- a plain fact");
    await t!.server.idle();
    expect(await memories()).toEqual(["a plain fact"]);
    expect(count).toBe(5);
  }, 60_000);

  test("[SERVER-214] a long text is asked about in parts, up to a bound", async () => {
    const asked = await open((body) => {
      const day = /day (\d+) was/.exec(body)?.[1] ?? "none";
      return chat(JSON.stringify({ facts: [{ text: `something on day ${day}` }] }));
    });
    const paragraph = (day: number) => `day ${day} was long. ${"word ".repeat(3000)}\n\n`;
    await write(Array.from({ length: 6 }, (_, day) => paragraph(day)).join(""));
    await t!.server.idle();
    expect(await memories()).toEqual([0, 2, 4].map((day) => `something on day ${day}`));
    expect(asked).toHaveLength(3);
    expect(partsOf("x".repeat(10_000_000))).toHaveLength(16);
    fc.assert(
      fc.property(fc.array(fc.constantFrom("a".repeat(9000), "\n\n", "b c")), (pieces) => {
        expect(partsOf(pieces.join("")).join("")).toBe(pieces.join("").slice(0, 16 * 32_000));
      }),
    );
  });

  test.each([
    ["an answer without end", () => ({ text: "x".repeat(2 << 20) })],
    ["facts that are none", () => chat('{"facts":[1,{"text":5},"x"]}')],
    ["another place", () => ({ status: 307, text: "" })],
  ])(
    "[SERVER-133] %s is no answer either",
    async (_, answer) => {
      await open(answer);
      await write("- a plain fact");
      await t!.server.idle();
      expect(await memories()).toEqual(["a plain fact"]);
    },
    60_000,
  );

  test("[SERVER-133] of a model that says too much a bounded part is kept, and nothing but text", async () => {
    const many = Array.from({ length: 5000 }, (_, i) => ({ text: `fact ${i}\u0000\n x` }));
    await open(() => chat(JSON.stringify({ facts: many })));
    await write("- a plain fact");
    await t!.server.idle();
    expect(await memories()).toHaveLength(10);
    const list = await t!.call("POST", "/v4/memories/list", { containerTags: ["me"], limit: 1000 });
    expect(list.json.pagination.totalItems).toBe(200);
  });

  test("[SERVER-133] a model that never answers does not keep a server from ending", async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    t = await openTestServer({
      facts: chatFacts({ baseUrl: `http://127.0.0.1:${port}/v1`, model: "some" }),
    });
    endpoint = silent;
    const asked = new Promise((resolve) => silent.once("connection", resolve));
    await write("- a plain fact");
    await asked;
    const started = performance.now();
    await t.restart();
    expect(performance.now() - started).toBeLessThan(5000);
    expect((await t.call("GET", "/v3/documents/processing")).json.totalCount).toBe(0);
  });

  test("what is owed survives a restart", async () => {
    let isUp = false;
    await open(() =>
      isUp ? chat('{"facts":[{"text":"found at last"}]}') : { status: 503, text: "" },
    );
    await write("- a plain fact");
    isUp = true;
    await t!.restart();
    await t!.server.idle();
    expect(await memories()).toEqual(["found at last"]);
  }, 30_000);
});

test("[SERVER-134] with a limit, a key that asks too often is told when to come back", async () => {
  const t = await openTestServer({ rateLimit: { requests: 2, windowMs: 200 } });
  const ask = () => t.call("GET", "/v3/session");
  expect([(await ask()).status, (await ask()).status]).toEqual([200, 200]);
  const refused = await ask();
  expect(refused.status).toBe(429);
  expect(refused.json).toEqual({ error: "Too Many Requests", details: "Rate limit exceeded" });
  expect(refused.headers.get("retry-after")).toBe("1");
  expect((await t.call("GET", "/health")).status).toBe(200);
  await new Promise((resolve) =>
    setTimeout(resolve, Number(refused.headers.get("retry-after-ms"))),
  );
  expect((await ask()).status).toBe(200);
  await t.close();
});
