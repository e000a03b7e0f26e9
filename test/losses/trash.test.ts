// A trash that is full: what would go into it stays where it is, and nothing is lost for it.
import { expect, test } from "vitest";
import { pair, quiet, servers } from "./scenes.ts";

const large = "bytes that are displaced\n".repeat(40);

for (const [server, quirks] of Object.entries(servers)) {
  test(`[TRASH-2] from its size on the trash displaces nothing more, which is told; with room it goes on, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks, { trashBytesMax: 1500 });
    const names = ["/1", "/2", "/3", "/4"];
    for (const name of names) a.write(name, large + name);
    await rig.until(() => names.every((name) => b.paths().includes(name)), "b has them");
    await quiet(rig, a, b);
    for (const name of names) a.unlink(name);
    await rig.until(() => Object.keys(rig.texts()).length === 1, "they are deleted", 400_000);
    await rig.run(400_000);
    // Two fit: with the first it is not full yet.
    const left = b.paths().filter((path) => path !== "/f");
    expect(left).toHaveLength(2);
    for (const path of left) expect(b.read(path)).toBe(large + path);
    const { problems, trash, pendingRemoteCount } = b.transitions.status();
    expect(problems.map(({ message }) => message).join()).toMatch(
      /the trash is full.*smfs trash empty/,
    );
    expect(trash.isFull).toBe(true);
    expect(pendingRemoteCount).toBe(2);
    // What needs no room is taken.
    a.write("/f", "changed\n");
    a.write("/new", "new\n");
    await rig.until(() => b.ino("/new") !== undefined && b.read("/f") === "changed\n", "taken");
    // A file that is edited here meanwhile is a file again, on both sides.
    b.write(left[0] ?? "", "edited here\n");
    await rig.until(
      () => rig.texts()[left[0] ?? ""] === "edited here\n",
      "the edit is sent",
      200_000,
    );

    const ids = b.transitions.trash(Number.MAX_SAFE_INTEGER, 10).map(({ id }) => id);
    expect(ids).toHaveLength(2);
    b.store.context.db.transaction(() => b.transitions.dropTrash(ids));
    expect(b.transitions.status().problems).toEqual([]);
    await rig.until(() => !b.paths().includes(left[1] ?? ""), "the other goes", 200_000);
    await quiet(rig, a, b);
    expect(b.paths()).toEqual([left[0], "/f", "/new"].sort());
    expect(a.paths()).toEqual(b.paths());
    expect(b.transitions.trash(Number.MAX_SAFE_INTEGER, 10)).toMatchObject([{ path: left[1] }]);
  });
}

test("[TRASH-2] a deletion that waits for room is carried out by a process that has more", async () => {
  const { rig, a, b } = await pair(servers["a server that counts"]!, { trashBytesMax: 1 });
  for (const name of ["/1", "/2"]) a.write(name, large + name);
  await rig.until(() => b.paths().length === 3, "b has them");
  await quiet(rig, a, b);
  a.unlink("/1");
  a.unlink("/2");
  await rig.run(60_000);
  expect(b.paths()).toHaveLength(2);
  const again = b.restart({}, { trashBytesMax: 1_000_000 });
  await quiet(rig, a, again);
  expect(again.paths()).toEqual(["/f"]);
  expect(again.transitions.status().problems).toEqual([]);
  expect(again.transitions.trash(Number.MAX_SAFE_INTEGER, 10)).toHaveLength(2);
});
