// Lists by page number over an order that moves: what is not in a list is not gone for that.
import { expect, test } from "vitest";
import { embeddedQuirks, hostedQuirks, type Quirks } from "../hosted-model/quirks.ts";
import { type Device, Rig } from "./rig.ts";
import { asStranger, pair, quiet } from "./scenes.ts";

const hosted: Quirks = { ...hostedQuirks, processingMs: [50, 100] };

test("[W-10] lists that come back empty remove nothing", async () => {
  const { rig, a, b } = await pair(hosted);
  a.write("/g", "other\n");
  await quiet(rig, a, b);
  rig.model.quirks = { ...hosted, list: { ...hosted.list, emptyShare: 1 } };
  await rig.run(600_000);
  expect(a.paths()).toEqual(["/f", "/g"]);
  expect(b.paths()).toEqual(["/f", "/g"]);
  rig.model.quirks = hosted;
  await quiet(rig, a, b);
  expect(Object.keys(rig.texts()).sort()).toEqual(["/f", "/g"]);
});

test("[W-10] a container that looks empty all at once is a problem that is told, not a deletion", async () => {
  const { rig, a, b } = await pair(hosted);
  for (let count = 0; count < 20; count += 1) a.write(`/${count}`, `text ${count}`);
  await quiet(rig, a, b);
  a.isOffline = true;
  for (const { id } of [...rig.model.table.all()]) asStranger(rig, "DELETE", `/v3/documents/${id}`);
  await rig.run(600_000);
  expect(b.paths()).toHaveLength(21);
  expect(
    b.transitions
      .status()
      .problems.map(({ message }) => message)
      .join(),
  ).toContain("--confirm-deletes");
});

test("[W-11, W-11a, W-11b] while lists are read page by page, deletions hide nothing, new files stay, changes arrive", async () => {
  const rig = new Rig(hosted);
  const a = rig.device("a").start();
  const b = rig.device("b", { engine: { prefetch: false } }).start();
  await rig.run(1000);
  // More than one page holds.
  for (let count = 0; count < 210; count += 1) a.write(`/${count}`, `text ${count}`);
  await rig.until(() => a.isClean() && b.paths().length === 210, "both have all", 900_000);
  const paths = b.paths();
  const doomed = paths.slice(0, 6);
  const changed = paths.at(-1) ?? "";
  let round = 0;
  rig.onExecuted = ({ path, body }, device) => {
    if (device !== "b" || !path.endsWith("/list") || body?.kind !== "json") return;
    if ((body.value as { page?: number }).page !== 1 || round >= doomed.length) return;
    // Between the first page that b is shown and the second: everything moves up by one.
    a.unlink(doomed[round] ?? "");
    a.write(changed, `changed ${round}`);
    b.write(`/new-${round}`, "made meanwhile");
    round += 1;
  };
  await rig.until(() => round === doomed.length, "all six are deleted", 900_000);
  await quiet(rig, a, b);
  const kept = paths.filter((path) => !doomed.includes(path));
  expect(b.paths()).toEqual([...kept, ...doomed.map((_, index) => `/new-${index}`)].sort());
  expect(a.paths()).toEqual(b.paths());
  const hashAt = (device: Device) =>
    device.store.context.entries.find(1, changed.slice(1))?.base_hash;
  expect(hashAt(b)).toBe(hashAt(a));
  expect(rig.texts()[changed]).toBe("changed 5");
});

test("[W-61] more than five thousand documents are all there", async () => {
  const rig = new Rig(embeddedQuirks);
  for (let count = 0; count < 5100; count += 1) {
    const content = `text ${count}`;
    const filepath = `/d${count % 50}/${count}.md`;
    asStranger(rig, "POST", "/v3/documents", { containerTag: "notes", filepath, content });
  }
  const a = rig.device("a", { engine: { prefetch: false } }).start();
  await rig.until(() => a.paths().length === 5100, "all are there", 3_600_000);
  expect(a.errors).toEqual([]);
});
