import { PassThrough } from "node:stream";
import { systemClock } from "@smfs/core";
import { expect, test } from "vitest";
import { ask } from "../ask.ts";
import { CliError } from "../cli-error.ts";
import { MemoryOutput } from "../testing/memory-output.ts";
import type { CommandContext } from "./context.ts";
import { confirmHeld, heldLines } from "./held-deletions.ts";

const held = { count: 12, total: 20, changedCount: 2, paths: ["/a", "/b\u001b[31m", "/d/"] };

function contextThatAnswers(answer: boolean | undefined) {
  const output = new MemoryOutput();
  const context: CommandContext = {
    output,
    clock: systemClock,
    cwd: "/",
    ask: () => Promise.resolve(answer),
    config: () => {
      throw new Error("no settings are needed");
    },
  };
  return { output, context };
}

test("[CLI-55] what would be deleted is named, and how many more, and what stays", () => {
  expect(heldLines(held)).toEqual([
    "12 of 20 documents are gone from the server. Deleted here would be:",
    "  /a",
    "  /b\\x1b[31m",
    "  /d/",
    "  and 7 others",
    "2 others changed here since: kept, and sent again",
  ]);
  expect(heldLines({ count: 1, total: 2, changedCount: 0, paths: ["/a"] })).toHaveLength(2);
});

test("[CLI-55] whoever sits at a terminal is asked before anything is deleted; a no deletes nothing", async () => {
  const no = contextThatAnswers(false);
  const refused = confirmHeld(no.context, held);
  await expect(refused).rejects.toThrow(CliError);
  await expect(refused).rejects.toMatchObject({ exitCode: 3 });
  expect(no.output.notes).toContain("  /a");
  await confirmHeld(contextThatAnswers(true).context, held);
  await confirmHeld(contextThatAnswers(undefined).context, held);
});

/** A terminal on which somebody types; without text the input ends. */
function terminal(text?: string) {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const output = Object.assign(new PassThrough(), { isTTY: true });
  if (text === undefined) input.end();
  else input.write(text);
  return [input as unknown as NodeJS.ReadStream, output as unknown as NodeJS.WriteStream] as const;
}

test("[CLI-55] only a yes is one: an empty line and the end of the input are a no, without a terminal nobody answers", async () => {
  expect(await ask("sure?", ...terminal("y\n"))).toBe(true);
  expect(await ask("sure?", ...terminal("Yes\n"))).toBe(true);
  for (const text of ["\n", "n\n", "oh yes\n", undefined])
    expect(await ask("sure?", ...terminal(text))).toBe(false);
  const [input, output] = terminal("y\n");
  expect(await ask("sure?", Object.assign(input, { isTTY: false }), output)).toBe(undefined);
});
