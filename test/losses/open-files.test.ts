// A file that stays open for writing, as a log does: what is in it reaches the server all the same.
import { expect, test } from "vitest";
import { pair, quiet, servers } from "./scenes.ts";

for (const [server, quirks] of Object.entries(servers)) {
  test(`[W-24] a log that is held open reaches the server line by line, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    const fh = a.open("/log");
    let text = "";
    for (let line = 0; line < 4; line += 1) {
      const bytes = new TextEncoder().encode(`line ${line}\n`);
      a.store.write(fh, bytes, text.length);
      text += `line ${line}\n`;
      await rig.until(() => rig.texts()["/log"] === text, `line ${line} is there`, 120_000);
    }
    // It is dirty for as long as somebody can write.
    expect(a.isClean()).toBe(false);
    a.store.release(fh);
    await quiet(rig, a, b);
    expect(b.read("/log")).toBe(text);
  });
}
