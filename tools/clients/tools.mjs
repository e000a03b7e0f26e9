// @supermemory/tools: functions for language models, the memory tool of Claude, and model wrappers.
import {
  documentAddTool,
  supermemoryTools,
  withSupermemory as withModel,
} from "@supermemory/tools/ai-sdk";
import { createClaudeMemoryTool } from "@supermemory/tools/claude-memory";
import { createToolCallExecutor, withSupermemory as withOpenAI } from "@supermemory/tools/openai";
import { generateText } from "ai";
import { MockLanguageModelV2 } from "ai/test";
import OpenAI from "openai";
import { apiKey, assert, baseURL, call, until } from "./calls.mjs";

const containerTags = ["client_tools"];
const config = { baseUrl: baseURL, containerTags };
const meta = { toolCallId: "t", messages: [] };
const tools = supermemoryTools(apiKey, config);
const succeeds = (name, work) =>
  call(name, async () => {
    const result = await work();
    assert.equal(result.success, true, JSON.stringify(result));
    return result;
  });
const run = (name, input) => succeeds(`ai-sdk ${name}`, () => tools[name].execute(input, meta));

await run("addMemory", { memory: "Ada plays the violin on Sundays." });
const added = await succeeds("ai-sdk documentAdd", () =>
  documentAddTool(apiKey, config).execute(
    { content: "The boiler is serviced every October.", title: "House" },
    meta,
  ),
);
await call("ai-sdk searchMemories finds both", async () => {
  const violin = await tools.searchMemories.execute(
    { informationToGet: "which instrument does Ada play", includeFullDocs: false, limit: 5 },
    meta,
  );
  assert.match(JSON.stringify(violin), /plays the violin/);
  const boiler = await tools.searchMemories.execute(
    { informationToGet: "when is the boiler serviced", includeFullDocs: false, limit: 5 },
    meta,
  );
  assert.match(JSON.stringify(boiler), /October/);
});
await call("ai-sdk getProfile with a question", async () => {
  const result = await tools.getProfile.execute({ query: "violin" }, meta);
  assert.equal(result.success, true, JSON.stringify(result));
  assert.match(JSON.stringify(result), /plays the violin/);
});
await call("ai-sdk documentList", async () => {
  const result = await tools.documentList.execute({ limit: 10 }, meta);
  assert.equal(result.success, true, JSON.stringify(result));
  assert.equal(result.documents.length, 2);
});
await run("memoryForget", { memoryContent: "Ada plays the violin on Sundays.", reason: "test" });
await call("ai-sdk documentDelete", async () => {
  const documentId = added.document.id;
  const result = await tools.documentDelete.execute({ documentId }, meta);
  assert.equal(result.success, true, JSON.stringify(result));
});

await call("openai tool calls", async () => {
  const execute = createToolCallExecutor(apiKey, config);
  const tool = (name, args) =>
    execute({ id: name, type: "function", function: { name, arguments: JSON.stringify(args) } });
  for (const [name, args] of [
    ["addMemory", { memory: "Ben prefers tea." }],
    ["searchMemories", { informationToGet: "what does Ben drink" }],
    ["getProfile", {}],
    ["documentList", {}],
    ["documentAdd", { content: "A longer text about tea." }],
    ["memoryForget", { memoryContent: "Ben prefers tea." }],
  ]) {
    const result = JSON.parse(await tool(name, args));
    assert.equal(result.success, true, `${name}: ${JSON.stringify(result)}`);
  }
});

const claude = createClaudeMemoryTool(apiKey, { ...config, memoryContainerTag: "claude_memory" });
const commands = [
  [{ command: "create", path: "/memories/plan.md", file_text: "one\ntwo\nthree" }],
  [{ command: "view", path: "/memories/plan.md" }, /two/],
  [{ command: "view", path: "/memories/plan.md", view_range: [2, 2] }, /two/],
  [{ command: "view", path: "/memories" }, /plan\.md/],
  [{ command: "view", path: "/memories/" }, /plan\.md/],
  [{ command: "str_replace", path: "/memories/plan.md", old_str: "two", new_str: "TWO" }],
  [{ command: "view", path: "/memories/plan.md" }, /TWO/],
  [{ command: "insert", path: "/memories/plan.md", insert_line: 1, insert_text: "between" }],
  [{ command: "view", path: "/memories/plan.md" }, /between/],
  [{ command: "create", path: "/memories/plan.md", file_text: "anew" }],
  [{ command: "view", path: "/memories/plan.md" }, /anew/],
  [{ command: "rename", path: "/memories/plan.md", new_path: "/memories/done.md" }],
  [{ command: "view", path: "/memories/done.md" }, /anew/],
  [{ command: "delete", path: "/memories/done.md" }],
];
for (const [command, wanted] of commands) {
  await call(`claude-memory ${command.command} ${command.path}`, async () => {
    const result = await claude.handleCommand(command);
    assert.equal(result.success, true, JSON.stringify(result));
    if (wanted) assert.match(result.content, wanted);
  });
}
await call("claude-memory a deleted file is gone", async () => {
  const result = await claude.handleCommand({ command: "view", path: "/memories/done.md" });
  assert.equal(result.success, false);
});

await call("ai-sdk withSupermemory: profile into the prompt, conversation kept", async () => {
  await tools.addMemory.execute({ memory: "Cleo collects stamps." }, meta);
  let prompt = "";
  const model = new MockLanguageModelV2({
    doGenerate: async (options) => {
      prompt = JSON.stringify(options.prompt);
      return {
        content: [{ type: "text", text: "Stamps." }],
        finishReason: "stop",
        usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
        warnings: [],
      };
    },
  });
  const wrapped = withModel(model, {
    containerTag: containerTags[0],
    customId: "chat-1",
    mode: "full",
    addMemory: "always",
    skipMemoryOnError: false,
    apiKey,
    baseUrl: baseURL,
  });
  await generateText({ model: wrapped, prompt: "What does Cleo collect?" });
  assert.match(prompt, /collects stamps/);
  await until("the conversation", async () => {
    const list = await tools.documentList.execute({ limit: 50 }, meta);
    return JSON.stringify(list).includes("chat-1");
  });
});

await call("openai withSupermemory: profile into the messages, conversation kept", async () => {
  let sent = "";
  const client = new OpenAI({
    apiKey: "none",
    fetch: async (_, { body }) => {
      sent = body;
      const message = { role: "assistant", content: "Stamps." };
      return Response.json({ choices: [{ index: 0, finish_reason: "stop", message }] });
    },
  });
  const wrapped = withOpenAI(client, {
    containerTag: containerTags[0],
    customId: "chat-2",
    mode: "full",
    addMemory: "always",
    apiKey,
    baseUrl: baseURL,
  });
  await wrapped.chat.completions.create({
    model: "m",
    messages: [{ role: "user", content: "What does Cleo collect?" }],
  });
  assert.match(sent, /collects stamps/);
  await until("the conversation", async () => {
    const list = await tools.documentList.execute({ limit: 50 }, meta);
    return JSON.stringify(list).includes("chat-2");
  });
});
