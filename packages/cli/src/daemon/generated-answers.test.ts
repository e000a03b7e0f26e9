import { type ApiClient, ApiError, type HttpResponse, type ProfileAnswer } from "@smfs/api";
import { silentLogger, systemClock, toContentHash } from "@smfs/core";
import { expect, test } from "vitest";
import { GeneratedAnswers } from "./generated-answers.ts";
import { profileText } from "./profile-text.ts";

function answers(
  client: Partial<Record<keyof ApiClient, unknown>>,
  mayAsk = true,
): GeneratedAnswers {
  return new GeneratedAnswers({
    client: client as unknown as ApiClient,
    status: () => Promise.resolve({ tag: "notes" }),
    mayAsk,
    clock: systemClock,
    log: silentLogger,
  });
}

const hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const extract = { kind: "extract", docId: "d", hash } as const;

function document(fields: object) {
  const contentHash = toContentHash(hash);
  return { get: async () => ({ document: { status: "done", contentHash, ...fields } }) };
}

test("[GEN-6] the status is JSON, also without a server", async () => {
  const answer = await answers({}, false).answer({ kind: "status" });
  expect(answer).toEqual({ kind: "text", text: '{\n  "tag": "notes"\n}\n' });
});

test("[GEN-7] a mount that is offline asks the server nothing; a failure is an errno", async () => {
  const failing = (kind: "unauthorised" | "unknown") => ({
    search: () => Promise.reject(new ApiError(kind, "no")),
  });
  const search = { kind: "search", query: "x" } as const;
  const code = (client: object, mayAsk = true) => answers(client, mayAsk).answer(search);
  expect(await code({}, false)).toEqual({ kind: "failed", code: "EHOSTUNREACH" });
  expect(await code(failing("unauthorised"))).toEqual({ kind: "failed", code: "EACCES" });
  expect(await code(failing("unknown"))).toEqual({ kind: "failed", code: "EHOSTUNREACH" });
  expect(await code({ search: () => Promise.reject(new Error("odd")) })).toEqual({
    kind: "failed",
    code: "EIO",
  });
});

test("[GEN-7] a search that takes too long is given up", async () => {
  const never = { search: () => new Promise(() => undefined) };
  const answer = await answers(never).answer({ kind: "search", query: "x" });
  expect(answer).toEqual({ kind: "failed", code: "ETIMEDOUT" });
});

test("[GEN-8] versions are the states in which the bytes changed", async () => {
  const version = (rev: number, contentHash: string, op = "update") => ({
    rev,
    contentHash,
    op,
    size: rev,
    createdAt: "2001-09-09T01:46:40Z",
  });
  const versions = [
    version(6, "c", "delete"),
    version(5, "c", "rename"),
    version(4, "c"),
    version(3, "b", "status"),
    version(2, "b"),
    version(1, "a", "create"),
  ];
  const answer = await answers({ versions: async () => ({ versions }) }).answer({
    kind: "versions",
    docId: "d",
  });
  const atMs = 1_000_000_000_000;
  expect(answer).toEqual({
    kind: "versions",
    versions: [4, 2, 1].map((rev) => ({ rev, size: rev, atMs })),
  });
  const none = await answers({ versions: async () => null }).answer({
    kind: "versions",
    docId: "d",
  });
  expect(none).toEqual({ kind: "versions", versions: [] });
});

test("[GEN-8] a version that is gone, or too large to be held, is an errno", async () => {
  const raw = (length: number) =>
    ({
      headers: { "content-length": String(length) },
      bytes: async () => new Uint8Array(2),
    }) as unknown as HttpResponse;
  const ask = (response: HttpResponse | null) =>
    answers({ getRaw: async () => response }).answer({ kind: "version", docId: "d", rev: 1 });
  expect(await ask(null)).toEqual({ kind: "failed", code: "ENOENT" });
  expect(await ask(raw(1 << 30))).toEqual({ kind: "failed", code: "EFBIG" });
  expect(await ask(raw(2))).toEqual({ kind: "bytes", bytes: new Uint8Array(2) });
});

test("[SIDECAR-2] only text that was drawn from other bytes is an extract", async () => {
  const of = (fields: object) => answers(document(fields)).answer(extract);
  expect(await of({ type: "pdf", content: "text" })).toEqual({
    kind: "extract",
    of: "pdf",
    text: "text",
  });
  for (const fields of [
    { type: "pdf", content: "" },
    { type: "pdf", content: null },
    { type: "text", content: "text" },
    { type: "pdf", status: "failed", content: null },
  ]) {
    expect(await of(fields)).toMatchObject({ kind: "extract", text: null });
  }
  expect(await of({ type: "pdf", content: "x", status: "embedding" })).toEqual({ kind: "later" });
  expect(
    await of({ type: "pdf", content: "x", contentHash: toContentHash("0".repeat(64)) }),
  ).toEqual({ kind: "later" });
  expect(await answers({ get: async () => null }).answer(extract)).toEqual({ kind: "later" });
});

test("[GEN-4] the profile is Markdown with one line for each item, and empty when nothing is known", () => {
  const profile = (fields: Partial<ProfileAnswer["profile"]>): ProfileAnswer => ({
    profile: { static: null, dynamic: null, buckets: null, ...fields },
  });
  expect(profileText(profile({}))).toBe("");
  expect(profileText(profile({ static: ["", " "], dynamic: [] }))).toBe("");
  expect(
    profileText(
      profile({ static: ["a\n# not a heading"], dynamic: ["b"], buckets: { tools: ["c"] } }),
    ),
  ).toBe(
    "# Profile\n\n## What stays\n\n- a # not a heading\n\n## Lately\n\n- b\n\n## tools\n\n- c\n",
  );
});
