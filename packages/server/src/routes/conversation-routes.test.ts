import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestServer, type TestServer } from "../testing/test-server.ts";

let t: TestServer;
beforeEach(async () => {
  t = await openTestServer();
});
afterEach(async () => {
  expect(await t.server.storage.check()).toEqual([]);
  expect(t.errors).toEqual([]);
  await t.close();
});

const post = (path: string, body: unknown) => t.call("POST", path, body);
const send = (messages: unknown[]) =>
  post("/v4/conversations", { conversationId: "chat-9", containerTags: ["work"], messages });
const document = async () => (await t.call("GET", "/v3/documents/chat-9")).json;

test("[SERVER-108] a conversation is one document; sent again it is replaced by all of it", async () => {
  const first = await send([{ role: "user", content: "hi there" }]);
  expect(first.json).toMatchObject({ conversationId: "chat-9", status: "done" });
  const second = await send([
    { role: "user", content: "hi there" },
    {
      role: "assistant",
      content: [
        { type: "text", text: "hello" },
        { type: "image_url", image_url: { url: "http://x/y" } },
      ],
    },
  ]);
  expect(second.json.id).toBe(first.json.id);
  expect((await document()).content).toBe("user: hi there\n\nassistant: hello");
  expect((await send([])).status).toBe(400);
  expect((await send([{ role: "nobody", content: "x" }])).status).toBe(400);
});

const call = (name: string) => ({
  role: "assistant",
  content: null,
  tool_calls: [{ id: "t1", type: "function", function: { name, arguments: "{}" } }],
});
const withTool = [
  { role: "user", content: [{ type: "image_url", imageUrl: { url: "data:image/png,x" } }] },
  call("weather"),
  { role: "tool", name: "weather", tool_call_id: "t1", content: "sunny" },
];

test("[SERVER-212] a conversation's messages are kept as they were sent", async () => {
  await send(withTool);
  expect(await document()).toMatchObject({ rev: 1, raw: { messages: withTool } });
  await t.restart();
  expect((await document()).raw).toEqual({ messages: withTool });
  await send(withTool);
  expect((await document()).rev).toBe(1);
  const longer = [...withTool, { role: "assistant", content: "It is sunny." }];
  await send(longer);
  expect(await document()).toMatchObject({ rev: 2, raw: { messages: longer } });
});

test("[SERVER-212] messages without words are a change, and all of them go with the text", async () => {
  await send([{ role: "user", content: "hi" }, call("one")]);
  await send([{ role: "user", content: "hi" }, call("two")]);
  const changed = await document();
  expect(changed).toMatchObject({ rev: 2, content: "user: hi\n\nassistant: " });
  expect(changed.raw.messages[1]).toEqual(call("two"));
  await t.call("PATCH", "/v3/documents/chat-9", { content: "edited by hand" });
  expect((await document()).raw).toBeNull();
  await send([{ role: "user", content: "hi" }]);
  await t.call("DELETE", "/v3/documents/chat-9");
});
