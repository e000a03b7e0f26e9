/**
 * Places in the product that a run of the simulator must come past: each is a snippet with a call before or after it,
 * put there by the workshop as a mutant's is. The calls count; they change nothing.
 */
import { type Patch, patch } from "./mutant.ts";

/** The name of the global function that probes call. */
const reached = "globalThis.smfsReached?.";

/** Counts `key` just before the statement that the snippet begins. */
function before(file: string, find: string, key: string): Patch {
  return patch(file, find, `${reached}("sometimes ${key}");\n${find}`);
}

/** Counts `key` when the single statement after a condition runs. */
function within(file: string, condition: string, statement: string, key: string): Patch {
  return patch(
    file,
    `${condition} ${statement}`,
    `${condition} { ${reached}("sometimes ${key}"); ${statement} }`,
  );
}

const push = "sync/src/push.ts";
const pull = "sync/src/pull.ts";
const queue = "store/src/push-queue.ts";
const resolve = "store/src/resolve.ts";
const apply = "store/src/apply.ts";

/** What pull decides: what is here, what was observed, how they are related, whether the bytes are equal. */
const cellsOfPull: readonly Patch[] = [
  patch(
    pull,
    'import { type Observed, reconcile } from "./reconcile.ts";',
    'import { type Observed, reconcile } from "./reconcile.ts";\nimport { effective, relationOf } from "./relation.ts";',
  ),
  patch(
    pull,
    "plans.push(await this.#equip(plan, view, seen, signal));",
    [
      "const entry = view.entry, observed = seen.observed;",
      'const local = entry === null ? (view.tomb === null ? "none" : "tomb") : entry.state === "deleted" ? "deleted" : entry.localVer !== entry.baseVer || entry.writers ? "changed" : "same";',
      'const remote = observed.kind === "version" ? effective(observed.remote, entry?.base ?? null, null) : null;',
      'const relation = remote === null || entry === null ? "-" : remote.rev.startsWith("x:") ? "foreign" : relationOf(entry.base, remote);',
      'const isEqual = remote !== null && entry !== null && remote.hash === entry.base?.hash ? "equal" : "other";',
      `${reached}(["cell pull", local, remote === null ? observed.kind : /done|failed/.test(remote.status) ? remote.status : "processing", relation, entry?.hasOp === true ? "op" : "no-op", isEqual].join(" "));`,
      `${reached}("plan " + plan.do);`,
      "plans.push(await this.#equip(plan, view, seen, signal));",
    ].join("\n"),
  ),
];

/** What push decides of a look. */
const cellsOfPush: readonly Patch[] = [
  patch(
    push,
    "return this.#act(op, verdict, look);\n  }",
    `${reached}(["cell push", op.kind, op.withBytes ? "bytes" : "no-bytes", /done|failed/.test(look.status) ? look.status : "processing", verdict.kind].join(" "));\n    return this.#act(op, verdict, look);\n  }`,
  ),
];

/** Turns of the protocol that are rare: each must happen sometimes. */
const sometimes: readonly Patch[] = [
  before(
    queue,
    'const frozen: Frozen = {\n      localVer: entry.local_ver,\n      hash: entry.base_hash ?? "",\n      size: inode.size,',
    "a circle of renames is broken",
  ),
  before(
    queue,
    "this.#context.entries.update(entry.fid, { rejected_ver: entry.local_ver });",
    "a refused version is met again",
  ),
  patch(
    queue,
    "if (inode.writers === 0 || entry.local_ver !== claimVer) return;",
    `if (inode.writers === 0 || entry.local_ver !== claimVer) return;\n${reached}("sometimes a file that can be written is sampled");`,
  ),
  before(
    push,
    'await this.#deps.port.note(op.fid, op.opId, { attempted: true });\n    return { kind: "send" };',
    "a creation of unknown outcome goes again",
  ),
  within(push, "else", "await port.recreate(op.fid, op.opId);", "an edit beats a deletion"),
  within(
    push,
    "else if (!op.withBytes || op.hash === op.base?.hash)",
    "await port.goneRemotely(op.fid, op.opId);",
    "a rename finds its document gone",
  ),
  before(push, "await this.#deps.port.reject(op.fid, op.opId, message);", "a version is refused"),
  before(push, "await port.takeAlias(op.fid, op.opId);", "a path is another document's"),
  before(push, "// Our own creation, whose answer was lost.", "an own creation is recognised"),
  before(push, "const look = await looks.at(current.id);", "another's document is adopted"),
  before(
    "sync/src/resolver.ts",
    "const settled = await this.#port.resolve(",
    "both sides are brought together",
  ),
  patch(
    "sync/src/resolver.ts",
    'return settled === "stale" ?',
    `${reached}("resolution " + how.kind + " " + settled);\n    return settled === "stale" ?`,
  ),
  before(
    resolve,
    "this.#context.pend.put(remote.docId, heldOpen, remote.srev);",
    "a resolution waits for a writer",
  ),
  within(
    resolve,
    'if (entry.state === "deleted")',
    "return this.#undelete(sides, content);",
    "an edit elsewhere beats a deletion here",
  ),
  patch(
    apply,
    "const seen = plan.seenSrev ?? null;",
    `${reached}("apply " + plan.do + " " + applied);\n    const seen = plan.seenSrev ?? null;`,
  ),
  before("store/src/conflicts.ts", "const atPath = versions.next();", "a conflict version is made"),
  before("store/src/trash.ts", "this.#put.run(\n      entry.fid,", "bytes go to the trash"),
  before("store/src/stubs.ts", "this.#fills.start(ino, blob);", "a stub is filled"),
  within(
    "store/src/writers.ts",
    "if (stat === undefined)",
    "return;",
    "a bit stays because somebody can write",
  ),
  before(
    "store/src/writers.ts",
    "inodes.update(row.ino, changes);\n      return;",
    "a bit is cleared of a file that was not written",
  ),
  within(
    "store/src/port-server.ts",
    'if (this.#context.facts.get("owner") !== owner)\n     ',
    'return { id, error: "the store has another owner" };',
    "a process that lost the store is fenced",
  ),
  before("store/src/recovery.ts", "this.#context.bytes.clearUnfinished();", "a start recovers"),
  before(
    "store/src/moved-directories.ts",
    "const { entries, versions } = this.#context;",
    "what is below a moved directory is marked",
  ),
  before(pull, "await this.#deps.client.delete(plan.docId,", "a ghost is deleted again"),
  patch(
    "sync/src/pull-list.ts",
    "return { documents: [...documents.values()], isStable, head, date };",
    `${reached}(isStable ? "sometimes a listing is stable" : "sometimes a listing is not stable");\n    return { documents: [...documents.values()], isStable, head, date };`,
  ),
  before(
    "sync/src/pull-list.ts",
    'const wasDone = entry.observed?.status === "done";',
    "absence is confirmed by id",
  ),
];

export const probes: readonly Patch[] = [...cellsOfPull, ...cellsOfPush, ...sometimes];
