/** A writer without our stamps: somebody at the web console, or another tool. He sees what he changes. */
import { digestOf } from "../hosted-model/document.ts";
import { isHold, type ModelRequest } from "../hosted-model/message.ts";
import { isFile } from "./oracle.ts";
import type { Step } from "./script.ts";
import type { World } from "./world.ts";

export function actForeign(world: World, step: Extract<Step, { do: "foreign" }>): void {
  const { oracle, model, config } = world;
  const docs = [...model.table.all()].filter((doc) => doc.text !== undefined && isFile(doc));
  const doc = docs[step.path % Math.max(1, docs.length)];
  const path = config.files[step.path % config.files.length] ?? "/a";
  const info = { device: "foreigner", at: world.sched.now, path: doc?.filepath ?? path };
  world.coverage.add(`foreign ${step.deed}`);
  const ask = (method: string, url: string, value?: unknown): void => {
    const request: ModelRequest = {
      method,
      path: url,
      ...(value === undefined ? {} : { body: { kind: "json", value } }),
    };
    const answer = model.handle(request);
    if (isHold(answer)) throw new Error("a write is not held");
  };
  const compose = (replaced: readonly number[]): string => {
    const content = oracle.tokens.line(oracle.tokens.make(replaced, info));
    oracle.announce(new TextEncoder().encode(content));
    return content;
  };
  if (step.deed === "create" || doc === undefined) {
    // What stands at the path already is replaced by a server that upserts.
    const [holder] = model.table.byPath(world.container, path);
    const replaced = holder === undefined ? [] : (linesOf(world, digestOf(holder.bytes)) ?? []);
    ask("POST", "/v3/documents", {
      containerTag: world.container,
      filepath: path,
      content: compose(replaced),
    });
    return;
  }
  const url = `/v3/documents/${doc.id}`;
  const lines = linesOf(world, digestOf(doc.bytes)) ?? [];
  switch (step.deed) {
    case "edit":
      ask("PATCH", url, { content: compose(lines) });
      return;
    case "rename":
      ask("PATCH", url, { filepath: `${doc.filepath}.moved` });
      return;
    case "delete":
      oracle.remove(lines);
      ask("DELETE", url);
      return;
  }
}

function linesOf(world: World, digest: string): readonly number[] | undefined {
  return world.oracle.tokens.content(digest, () => undefined)?.lines;
}
