import { join } from "node:path";
import { silentLogger, systemClock, systemRandom } from "@smfs/core";
import Sqlite from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkData } from "../../backup.ts";
import { openTestServer, type TestServer } from "../../testing/test-server.ts";
import { databaseName } from "./sqlite-storage.ts";

let t: TestServer;
beforeEach(async () => {
  t = await openTestServer();
  const create = (body: object) => t.call("POST", "/v3/documents", body);
  await create({ content: "in one container", filepath: "/one", containerTag: "work" });
  await create({ content: "in two of them", containerTags: ["work", "home"] });
  const { json } = await create({ content: "first", filepath: "/changed", containerTag: "work" });
  await t.call("PATCH", `/v3/documents/${json.id}`, { content: "second" });
  const gone = await create({ content: "deleted", filepath: "/gone", containerTag: "work" });
  await t.call("DELETE", `/v3/documents/${gone.json.id}`);
  await t.server.idle();
  await t.server.close();
});
afterEach(() => t.close());

const check = () =>
  checkData({
    dataDir: t.dataDir,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });

/** What somebody else's program, or a fault, might do to the tables. */
function damage(sql: string): void {
  const db = new Sqlite(join(t.dataDir, databaseName));
  db.pragma("foreign_keys = OFF");
  db.exec(sql);
  db.close();
}

test("[SERVER-207] data that is whole has no problems", async () => {
  expect(await check()).toEqual([]);
});

const containers = /document is in no container, or its containers differ/;
const one = "(SELECT no FROM document WHERE filepath = '/one')";
const home = "(SELECT no FROM tag WHERE tag = 'home')";

test.each([
  [`DELETE FROM document_tag WHERE document_no = ${one}`, containers],
  [`UPDATE document SET tags = '[]' WHERE no = ${one}`, containers],
  [`UPDATE document SET tags = '["other"]' WHERE no = ${one}`, containers],
  [`UPDATE document SET tags = '["work","home"]' WHERE no = ${one}`, containers],
  [
    `INSERT INTO document_tag SELECT ${home}, no, filepath, custom_id, seq FROM document WHERE no = ${one}`,
    containers,
  ],
  ["UPDATE document_tag SET filepath = '/other' WHERE filepath = '/one'", /repeats another path/],
  ["UPDATE document SET custom_id = 'x' WHERE filepath = '/one'", /repeats another path/],
  [
    "UPDATE tombstone SET document_no = (SELECT no FROM document WHERE filepath = '/one')",
    /tombstone of a document that is in/,
  ],
  ["UPDATE counter SET seq = 1", /above the counter/],
  ["UPDATE counter SET at = 1", /above the counter/],
  ["UPDATE counter SET horizon = 1000", /below the horizon/],
  ["UPDATE version SET rev = 100 WHERE filepath = '/changed'", /version is not older/],
  [
    "INSERT INTO content SELECT 1000, digest, size, bytes FROM content LIMIT 1",
    /content that no document and no version names: 1000/,
  ],
  ["UPDATE content SET size = size + 1 WHERE no = 1", /content of another size/],
  [
    "UPDATE content SET bytes = CAST('other' AS BLOB), size = 5 WHERE no = 1",
    /is not what its digest says/,
  ],
  ["INSERT INTO conversation VALUES (1000, '[]')", /messages without their document: 1000/],
  [
    `UPDATE chunk SET content_rev = 100 WHERE document_no = ${one}`,
    /chunk of bytes that the document no longer has/,
  ],
  [
    "DELETE FROM vector WHERE no = 1; UPDATE vector SET chunk_no = 1000 WHERE no = 2",
    /vector without its chunk/,
  ],
  [
    `DELETE FROM chunk WHERE document_no = ${one}`,
    /chunk that is not in the lexical index|the other way round/,
  ],
])("[SERVER-207] each invariant that does not hold is told: %s", async (sql, problem) => {
  damage(sql);
  expect((await check()).join("\n")).toMatch(problem);
});
