import fc from "fast-check";
import { expect, test } from "vitest";
import { exposition, single } from "./exposition.ts";
import { openTestServer } from "./testing/test-server.ts";

/** A sample line, as the format's grammar has it. */
const sample =
  /^([a-zA-Z_:][\w:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\n"])*",?)*\})? (-?[\d.]+(?:e[+-]?\d+)?|[+-]Inf|NaN)$/;

/** Checks a text as a collector reads it: every family is announced once, before its samples, and none is told twice. */
function read(text: string): Set<string> {
  expect(text.endsWith("\n")).toBe(true);
  const seen = new Set<string>();
  const families = new Set<string>();
  let family = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const [, name] = /^# TYPE (\S+) (?:counter|gauge|histogram)$/.exec(line) ?? [];
    if (name !== undefined) {
      expect(families.has(name)).toBe(false);
      families.add(name);
      family = name;
    } else if (!line.startsWith("# HELP ")) {
      const [, of = "", labels = ""] = sample.exec(line) ?? [];
      expect(of.replace(/_(?:bucket|sum|count)$/, ""), line).toBe(family);
      expect(seen.has(of + labels), line).toBe(false);
      seen.add(of + labels);
    }
  }
  return families;
}

test("[SERVER-206] metrics are of the format, whatever a model is called", () => {
  const value = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), value, (model, number) => {
      const text = exposition([
        { name: "a", help: model, type: "gauge", samples: [{ labels: { model }, value: number }] },
        single("counter", "b_total", "Two.", 2),
      ]);
      expect([...read(text)]).toEqual(["a", "b_total"]);
    }),
  );
});

test("[SERVER-206] a server tells its requests, its documents, its index and its process", async () => {
  const t = await openTestServer();
  for (const path of ["/v3/session", "/nothing", "/health"]) await t.call("GET", path);
  await t.call("PUT", "/ext/v1/fs/work/a", "text");
  const { text } = await t.call("GET", "/metrics");
  const families = read(text);
  for (const name of [
    "smfs_requests_total",
    "smfs_request_seconds",
    "smfs_documents",
    "smfs_documents_unfinished",
    "smfs_chunks",
    "smfs_vectors",
    "smfs_model_failed",
    "smfs_change_seq",
    "smfs_server_info",
    "process_start_time_seconds",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
  ]) {
    expect(families, name).toContain(name);
  }
  expect(text).toContain('smfs_vectors{model="static-256"} 1\n');
  await t.close();
});
