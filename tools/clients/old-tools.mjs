// @supermemory/tools before 2.3: memories of a language model, and Claude's memory tool, which looked its files up by searching.
import { supermemoryTools } from "@supermemory/tools/ai-sdk";
import { createClaudeMemoryTool } from "@supermemory/tools/claude-memory";
import { apiKey, assert, baseURL, call } from "./calls.mjs";

const config = { baseUrl: baseURL, containerTags: ["old_tools"] };
const meta = { toolCallId: "t", messages: [] };
const tools = supermemoryTools(apiKey, config);

await call("addMemory", async () => {
  const result = await tools.addMemory.execute({ memory: "Ada plays the cello on Mondays." }, meta);
  assert.equal(result.success, true, JSON.stringify(result));
});
await call("searchMemories", async () => {
  const informationToGet = "which instrument does Ada play";
  const result = await tools.searchMemories.execute(
    { informationToGet, includeFullDocs: true, limit: 5 },
    meta,
  );
  assert.match(JSON.stringify(result), /plays the cello/);
});

const claude = createClaudeMemoryTool(apiKey, { ...config, memoryContainerTag: "old_claude" });
const commands = [
  [{ command: "create", path: "/memories/plan.md", file_text: "one\ntwo\nthree" }],
  [{ command: "view", path: "/memories/plan.md" }, /two/],
  [{ command: "view", path: "/memories/plan.md", view_range: [2, 2] }, /two/],
  [{ command: "view", path: "/memories/" }, /plan\.md/],
  [{ command: "str_replace", path: "/memories/plan.md", old_str: "two", new_str: "TWO" }],
  [{ command: "view", path: "/memories/plan.md" }, /TWO/],
  [{ command: "insert", path: "/memories/plan.md", insert_line: 1, insert_text: "between" }],
  [{ command: "view", path: "/memories/plan.md" }, /between/],
  [{ command: "rename", path: "/memories/plan.md", new_path: "/memories/done.md" }],
  [{ command: "view", path: "/memories/done.md" }, /between/],
  [{ command: "delete", path: "/memories/done.md" }],
];
for (const [command, wanted] of commands) {
  await call(`claude-memory ${command.command} ${command.path}`, async () => {
    const result = await claude.handleCommand(command);
    assert.equal(result.success, true, JSON.stringify(result));
    if (wanted) assert.match(result.content, wanted);
  });
}
