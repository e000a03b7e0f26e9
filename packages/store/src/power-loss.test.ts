import { O_CREAT, O_RDWR, rootIno, seededRandom } from "@smfs/core";
import SqliteDatabase from "better-sqlite3";
import fc from "fast-check";
import { expect, test } from "vitest";
import { check } from "./check.ts";
import { Database } from "./database.ts";
import { StoreFixture, user } from "./testing/store-fixture.ts";

const name = fc.constantFrom("a", "b", "c");
const content = fc.record({
  letter: fc.constantFrom("x", "y"),
  count: fc.integer({ min: 1, max: 3000 }),
});

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      name,
      content,
      offset: fc.nat(2000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("overwrite" as const), name, content }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("fsync" as const), name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("rename" as const), name, to: name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("unlink" as const), name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("settle" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("agree" as const), name }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

type Of<K extends Step["do"]> = Extract<Step, { do: K }>;

/** A store, the images of its rows that a power loss may leave, and the bytes that must survive it. */
class Machine {
  readonly f = new StoreFixture();
  /** Rows after each commit since the last durable one, which is the first. */
  readonly rows: Buffer[] = [];
  /** Bytes of files as they were synced and not changed since, by inode. */
  readonly synced = new Map<number, Uint8Array>();

  constructor() {
    const { db } = this.f;
    this.rows.push(db.sql.serialize());
    const { checkpoint } = db;
    db.checkpoint = () => {
      checkpoint.call(db);
      this.rows.splice(0, this.rows.length, db.sql.serialize());
    };
    db.atBegin(() => {
      const isDurable = db.sql.pragma("synchronous", { simple: true }) === 2;
      db.afterCommit(() => {
        if (isDurable) this.rows.length = 0;
        this.rows.push(db.sql.serialize());
      });
    });
  }

  write({ name: to, content: { letter, count }, offset }: Of<"write">): void {
    this.synced.delete(this.f.write(`/${to}`, letter.repeat(count), offset));
  }

  overwrite({ name: to, content: { letter, count } }: Of<"overwrite">): void {
    this.synced.delete(this.f.ino(`/${to}`));
    this.f.overwrite(`/${to}`, letter.repeat(count));
  }

  fsync({ name: of }: Of<"fsync">): void {
    const { attr, file } = this.f.store.create(rootIno, of, 0o644, O_CREAT | O_RDWR, user);
    this.f.store.fsync(file.fh, false, user);
    this.f.store.release(file.fh);
    this.synced.set(attr.ino, this.f.content(`/${of}`));
  }

  agree({ name: on }: Of<"agree">): void {
    this.f.settle();
    if (this.f.inode(`/${on}`).writers === 0) this.f.makeClean(`/${on}`);
  }

  take(one: Step): void {
    if (one.do === "settle") this.f.settle();
    else if (one.do === "write") this.write(one);
    else if (!this.f.list("/").includes(one.name)) return;
    else if (one.do === "overwrite") this.overwrite(one);
    else if (one.do === "fsync") this.fsync(one);
    else if (one.do === "rename") this.f.rename(`/${one.name}`, `/${one.to}`);
    else if (one.do === "unlink") this.f.unlink(`/${one.name}`);
    else this.agree(one);
  }
}

test("[FSYNC-1] whatever a power loss takes, what was synced is there, and no invariant is broken", {
  timeout: 120_000,
}, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), fc.integer(), (steps, seed) => {
      const machine = new Machine();
      for (const one of steps) machine.take(one);
      const random = seededRandom(seed);
      const rows = machine.rows[Math.floor(random.next() * machine.rows.length)];
      const { bytes, clock } = machine.f;
      bytes.restore(
        bytes.powerLoss((effect) => {
          const luck = random.next();
          if (luck < 0.3) return "lost";
          if (luck < 0.6 || effect.kind === "name") return "kept";
          return () => random.next() < 0.5;
        }),
      );
      const f = machine.f;
      f.store = f.open({ database: new Database(new SqliteDatabase(rows)) });
      for (let round = 0; f.store.nextTickMs() >= 0 && round < 200; round += 1) {
        clock.advance(f.store.nextTickMs());
        f.store.tick();
      }
      expect(check(f.store.context, { deep: true })).toEqual([]);
      for (const [ino, wanted] of machine.synced) {
        const row = f.store.context.inodes.find(ino);
        if (row === undefined || row.nlink === 0) continue;
        const fd = bytes.openWork(ino, "read");
        const into = new Uint8Array(bytes.stat(fd).size);
        bytes.read(fd, into, 0);
        bytes.close(fd);
        expect(Buffer.compare(into, wanted)).toBe(0);
      }
    }),
    { numRuns: 120 },
  );
});
