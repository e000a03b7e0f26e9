import { seededRandom, systemClock } from "@smfs/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MemoryByteStore, type UnsyncedEffect } from "./memory-byte-store.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

function content(bytes: MemoryByteStore, ino: number): string {
  const fd = bytes.openWork(ino, "read");
  const into = new Uint8Array(bytes.stat(fd).size);
  bytes.read(fd, into, 0);
  bytes.close(fd);
  return new TextDecoder().decode(into);
}

function synced(text: string): { bytes: MemoryByteStore; fd: number } {
  const bytes = new MemoryByteStore(systemClock);
  const fd = bytes.openWork(1, "create");
  bytes.write(fd, utf8(text), 0);
  bytes.sync(fd);
  bytes.syncNames();
  return { bytes, fd };
}

test("[BYTES-11] a power loss takes what was not synced, and only that", () => {
  const { bytes, fd } = synced("synced");
  bytes.write(fd, utf8("SYNC"), 0);
  bytes.truncate(fd, 2);
  const second = bytes.openWork(2, "create");
  bytes.write(second, utf8("new"), 0);
  const image = bytes.powerLoss(() => "lost");
  bytes.restore(image);
  expect(content(bytes, 1)).toBe("synced");
  expect(bytes.hasWork(2)).toBe(false);
});

test("[BYTES-11] what survives is what a crash of the process leaves", () => {
  const { bytes, fd } = synced("synced");
  bytes.write(fd, utf8("SYNC"), 0);
  const image = bytes.snapshot();
  bytes.write(fd, utf8("later"), 0);
  bytes.restore(image);
  expect(content(bytes, 1)).toBe("SYNCed");
  bytes.restore(bytes.powerLoss(() => "kept"));
  expect(content(bytes, 1)).toBe("SYNCed");
});

test("[BYTES-11] each effect has its own fate: a name may survive without its bytes", () => {
  const bytes = new MemoryByteStore(systemClock);
  const fd = bytes.openWork(1, "create");
  bytes.write(fd, utf8("lost"), 0);
  bytes.restore(bytes.powerLoss((effect) => (effect.kind === "name" ? "kept" : "lost")));
  expect(content(bytes, 1)).toBe("");
});

test("[BYTES-11] a torn write keeps some of its sectors, and its size", () => {
  const { bytes, fd } = synced("");
  bytes.write(fd, new Uint8Array(1500).fill(65), 100);
  bytes.restore(bytes.powerLoss(() => (sector) => sector === 1));
  const text = content(bytes, 1);
  expect(text.length).toBe(1600);
  expect(text.indexOf("A")).toBe(512);
  expect(text.lastIndexOf("A")).toBe(1023);
});

test("[BYTES-11] a renamed file is under one name or the other, never under none", () => {
  for (const fate of ["kept", "lost"] as const) {
    const { bytes } = synced("moved");
    const digest = bytes.digest(utf8("moved"));
    bytes.moveWorkToBlob(1, digest);
    bytes.restore(bytes.powerLoss(() => fate));
    expect([bytes.hasWork(1), bytes.hasBlob(digest)]).toEqual([fate === "lost", fate === "kept"]);
  }
});

test("[BYTES-11] a blob that was put is there after any power loss", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = seededRandom(seed);
      const bytes = new MemoryByteStore(systemClock);
      bytes.openWork(7, "create");
      const digest = bytes.putBlob(utf8("kept"));
      const decide = (_effect: UnsyncedEffect) => (random.next() < 0.5 ? "kept" : "lost");
      bytes.restore(bytes.powerLoss(decide));
      expect(new TextDecoder().decode(bytes.readBlob(digest))).toBe("kept");
    }),
  );
});

test("[BYTES-4] a mapping can write without a descriptor, and ends only when it is unmapped", () => {
  const { bytes, fd } = synced("0123");
  const mapping = bytes.mapShared(1);
  bytes.close(fd);
  expect(bytes.statUnwritten(1)).toBeUndefined();
  mapping.store(utf8("AB"), 1);
  expect(content(bytes, 1)).toBe("0AB3");
  mapping.unmap();
  expect(bytes.statUnwritten(1)?.size).toBe(4);
});

test("[BYTES-12] a full disk answers ENOSPC and has not written", () => {
  const bytes = new MemoryByteStore(systemClock, { capacityBytes: 8192 });
  const fd = bytes.openWork(1, "create");
  bytes.write(fd, new Uint8Array(8192), 0);
  expect(() => bytes.write(fd, utf8("x"), 8192)).toThrow(/ENOSPC/);
  expect(bytes.stat(fd).size).toBe(8192);
  expect(bytes.disk().blocksFree).toBe(0);
  bytes.removeWork(1);
  expect(bytes.disk().blocksFree).toBe(2);
});

test("[BYTES-12] huge offsets cost nothing, up to the largest file", () => {
  const bytes = new MemoryByteStore(systemClock);
  const fd = bytes.openWork(1, "create");
  bytes.write(fd, utf8("far"), 2 ** 43);
  expect(bytes.stat(fd)).toMatchObject({ size: 2 ** 43 + 3, blocks: 8 });
  expect(bytes.seek(fd, 0, 3)).toBe(2 ** 43);
  expect(() => bytes.write(fd, utf8("x"), 2 ** 44)).toThrow(/EFBIG/);
});

test("[BYTES-11] sparse content equals a plain array, whatever is done to it", () => {
  const effect = fc.oneof(
    fc.record({ kind: fc.constant("write"), offset: fc.nat(20_000), length: fc.nat(9_000) }),
    fc.record({ kind: fc.constant("truncate"), offset: fc.nat(30_000), length: fc.constant(0) }),
    fc.record({ kind: fc.constant("punch"), offset: fc.nat(20_000), length: fc.nat(9_000) }),
    fc.record({ kind: fc.constant("zero"), offset: fc.nat(20_000), length: fc.nat(9_000) }),
  );
  fc.assert(
    fc.property(fc.array(effect, { maxLength: 12 }), (effects) => {
      const bytes = new MemoryByteStore(systemClock);
      const fd = bytes.openWork(1, "create");
      let model = new Uint8Array(0);
      const grown = (size: number) => {
        const next = new Uint8Array(Math.max(size, model.length));
        next.set(model);
        return next;
      };
      effects.forEach(({ kind, offset, length }, index) => {
        if (kind === "write") {
          bytes.write(fd, new Uint8Array(length).fill(index + 1), offset);
          if (length > 0) model = grown(offset + length).fill(index + 1, offset, offset + length);
        } else if (kind === "truncate") {
          bytes.truncate(fd, offset);
          model = grown(offset).slice(0, offset);
        } else if (length > 0) {
          bytes.allocate(fd, kind === "punch" ? 3 : 0x10, offset, length);
          if (kind === "zero") model = grown(offset + length);
          model.fill(0, offset, offset + length);
        }
      });
      const into = new Uint8Array(bytes.stat(fd).size);
      bytes.read(fd, into, 0);
      expect(Buffer.compare(into, model)).toBe(0);
    }),
    { numRuns: 300 },
  );
});
