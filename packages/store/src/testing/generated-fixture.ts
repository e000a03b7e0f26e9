/** A store with its generated files, for tests: questions are kept until the test answers them. */
import { type DirEntry, FsError, isSymlink, Parked, rootIno } from "@smfs/core";
import { lookup } from "@smfs/core/testing";
import { GeneratedFileSystem } from "../generated/generated-filesystem.ts";
import { GeneratedNames } from "../generated/generated-names.ts";
import type { Answer, Asked, Question } from "../generated/questions.ts";
import { StoreFixture, user } from "./store-fixture.ts";

const text = new TextDecoder();

export class GeneratedFixture {
  readonly f: StoreFixture;
  readonly asked: Asked[] = [];
  readonly names: GeneratedNames;
  readonly fs: GeneratedFileSystem;

  constructor({ isReadOnly = false }: { isReadOnly?: boolean } = {}) {
    this.f = new StoreFixture();
    this.names = new GeneratedNames(this.f.store.context, (asked) => this.asked.push(asked));
    this.fs = new GeneratedFileSystem(this.f.store, this.names, { isReadOnly });
  }

  /** What is asked and not answered, of one kind. */
  questions(kind: Question["kind"]): Asked[] {
    return this.asked.filter(({ question }) => question.kind === kind);
  }

  /** Answers every open question of a kind. */
  answer(kind: Question["kind"], answer: Answer): void {
    for (const asked of this.questions(kind)) {
      this.asked.splice(this.asked.indexOf(asked), 1);
      this.names.receive(asked.id, answer);
    }
  }

  /** Lets time pass and does what is due. */
  later(ms: number): void {
    this.f.clock.advance(ms);
    this.names.tick(this.f.clock.monotonic());
  }

  /** Runs an operation as the frontend does: parked, it goes on with the answer. */
  withAnswer<T>(kind: Question["kind"], answer: Answer, action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof Parked)) throw error;
      this.answer(kind, answer);
      if (!this.fs.takeResumed().includes(error.ticket)) throw new FsError("EIO", "not resumed");
      return action();
    }
  }

  ino(path: string): number {
    let ino = rootIno;
    for (const name of path.split("/")) if (name !== "") ino = lookup(this.fs, ino, name).ino;
    return ino;
  }

  /** Names in a directory, read in passes of `perPass` entries. */
  list(path: string, perPass: number = Number.POSITIVE_INFINITY): string[] {
    const fh = this.fs.opendir(this.ino(path));
    const names: string[] = [];
    let cookie = 0;
    for (;;) {
      let count = 0;
      this.fs.readdir(fh, cookie, (entry: DirEntry) => {
        if (count === perPass) return false;
        count += 1;
        names.push(entry.name);
        cookie = entry.cookie;
        return true;
      });
      if (count < perPass) break;
    }
    this.fs.releasedir(fh);
    return names.slice(2);
  }

  read(path: string): string {
    const ino = this.ino(path);
    const attr = this.fs.getattr(ino);
    if (isSymlink(attr.mode)) return `-> ${this.fs.readlink(ino)}`;
    const { fh } = this.fs.open(ino, 0, user);
    const into = new Uint8Array(attr.size + 1);
    const count = this.fs.read(fh, into, 0);
    this.fs.release(fh);
    return text.decode(into.subarray(0, count));
  }

  /** The errno of an operation, or undefined when it succeeds. */
  code(action: () => unknown): string | undefined {
    try {
      action();
      return undefined;
    } catch (error) {
      if (error instanceof FsError) return error.code;
      throw error;
    }
  }
}
