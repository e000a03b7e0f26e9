/**
 * The database of a simulated device: in memory, used by one run after another, and telling which rows change.
 *
 * Opening a connection and compiling the product's statements cost more than a short run does. So connections are
 * emptied and used again, and a compiled statement is lent to the next life of a device once the life before is over.
 */
import { Database } from "@smfs/store";
import SqliteDatabase from "better-sqlite3";

type Statement = SqliteDatabase.Statement<unknown[], unknown>;

/** What has changed since somebody took note of it. */
export class RowChanges {
  /** Moves with each row of `entry`, `inode`, `op` or `trash` that changes. */
  count = 0;
  /** Moves with each row of `op` or `trash` that changes. */
  keptCount = 0;
  /** Everything may have changed. */
  all = true;
  /** Ids of entries and numbers of inodes whose rows have changed. */
  readonly entries: Set<number> = new Set();
  readonly inodes: Set<number> = new Set();

  forget(): void {
    this.all = false;
    this.entries.clear();
    this.inodes.clear();
  }
}

/** Triggers see every change, whoever makes it and however; a rolled back one is told in vain, which does no harm. */
const watched = [
  { table: "entry", key: "id", tell: "sim_entry_changed" },
  { table: "inode", key: "ino", tell: "sim_inode_changed" },
  { table: "op", key: "claim_ver", tell: "sim_kept_changed" },
  { table: "trash", key: "id", tell: "sim_kept_changed" },
];

const verbs = [
  { verb: "INSERT", row: "NEW" },
  { verb: "UPDATE", row: "NEW" },
  { verb: "DELETE", row: "OLD" },
];

/** A migrated database as bytes, made once: opening from it is faster than migrating. */
let template: Buffer | undefined;
/** Rows that a migrated database has before anybody uses it. */
let firstRows: readonly { readonly insert: string; readonly values: readonly unknown[] }[] = [];

function makeTemplate(): Buffer {
  const made = new SqliteDatabase(":memory:");
  new Database(made);
  firstRows = tablesOf(made).flatMap((table) => {
    const rows = made.prepare<[], unknown[]>(`SELECT * FROM ${table}`).raw().all();
    const marks = rows[0]?.map(() => "?").join(", ");
    return rows.map((values) => ({ insert: `INSERT INTO ${table} VALUES (${marks})`, values }));
  });
  return made.serialize();
}

/** In the order they were made: what refers to another table comes after it. */
function tablesOf(sql: SqliteDatabase.Database): string[] {
  return sql
    .prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
    .pluck()
    .all();
}

export class DeviceDatabase {
  readonly sql: SqliteDatabase.Database;
  readonly changes: RowChanges = new RowChanges();
  /** Compiles a statement that is not lent: for who looks at the disk from outside. */
  readonly prepareOwn: SqliteDatabase.Database["prepare"];
  readonly #statements = new Map<string, { readonly all: Statement[]; lentCount: number }>();
  #clear: readonly Statement[] | undefined;
  #totalChanges: SqliteDatabase.Statement<[], number> | undefined;

  /** @param image a serialized database; without it a migrated one that nobody has used */
  constructor(image?: Buffer) {
    template ??= makeTemplate();
    this.sql = new SqliteDatabase(image ?? template);
    this.prepareOwn = this.sql.prepare.bind(this.sql);
    this.sql.prepare = ((text: string) => this.#lend(text)) as SqliteDatabase.Database["prepare"];
    this.sql.pragma = this.#quickPragma();
    this.#watch();
  }

  /** A setting outlives the process that made it: the next one need not make it again. */
  #quickPragma(): SqliteDatabase.Database["pragma"] {
    const pragma = this.sql.pragma.bind(this.sql);
    const settings = new Map<string, string>();
    return (source, options) => {
      const [, name, value] = /^(\w+) = (.*)$/.exec(source) ?? [];
      if (name === undefined || value === undefined) return pragma(source, options);
      if (settings.get(name) === value) return [];
      settings.set(name, value);
      return pragma(source, options);
    };
  }

  /** An empty one, used before or new. */
  static take(): DeviceDatabase {
    const used = idle.pop();
    if (used === undefined) return new DeviceDatabase();
    used.#empty();
    return used;
  }

  /** Nobody uses it any more: the next run may. */
  giveBack(): void {
    if (this.sql.open && !this.sql.inTransaction && idle.length < idleMax) idle.push(this);
    else this.sql.close();
  }

  /** Rows of any table that were changed so far. */
  changeCount(): number {
    this.#totalChanges ??= this.prepareOwn<[], number>("SELECT total_changes()").pluck();
    return this.#totalChanges.get() ?? 0;
  }

  /** No process uses this database now: statements of the one before are the next one's. */
  endLife(): void {
    for (const known of this.#statements.values()) known.lentCount = 0;
  }

  #lend(text: string): Statement {
    let known = this.#statements.get(text);
    if (known === undefined) {
      known = { all: [], lentCount: 0 };
      this.#statements.set(text, known);
    }
    const statement = known.all[known.lentCount];
    known.lentCount += 1;
    if (statement !== undefined) return statement.reader ? asNew(statement) : statement;
    const made = this.prepareOwn(text);
    known.all.push(made);
    return made.reader ? this.#withQuickRows(made, text) : made;
  }

  /** Values are read as an array and named here: the binding takes twice as long to make an object of many columns. */
  #withQuickRows(statement: Statement, text: string): Statement {
    const names = statement.columns().map(({ name }) => name);
    if (names.length < wideMin) return statement;
    const values = this.prepareOwn(text).raw() as SqliteDatabase.Statement<unknown[], unknown[]>;
    const toObject = rowMaker(names);
    quickRows.set(statement, {
      get: (...args: unknown[]) => {
        const row = values.get(...args);
        return row === undefined ? undefined : toObject(row);
      },
      all: (...args: unknown[]) => values.all(...args).map(toObject),
    });
    return asNew(statement);
  }

  #watch(): void {
    const { sql, changes } = this;
    const tell = (name: string, note: (key: number) => void): void => {
      sql.function(name, (key: unknown) => {
        changes.count += 1;
        note(key as number);
        return null;
      });
    };
    tell("sim_entry_changed", (id) => changes.entries.add(id));
    tell("sim_inode_changed", (ino) => changes.inodes.add(ino));
    tell("sim_kept_changed", () => {
      changes.keptCount += 1;
    });
    for (const { table, key, tell: name } of watched)
      for (const { verb, row } of verbs)
        sql.exec(
          `CREATE TEMP TRIGGER sim_${table}_${verb} AFTER ${verb} ON main.${table}
           BEGIN SELECT ${name}(${row}.${key}); END`,
        );
  }

  #empty(): void {
    const { sql } = this;
    this.endLife();
    this.#clear ??= [
      ...tablesOf(sql)
        .reverse()
        .map((table) => this.prepareOwn(`DELETE FROM ${table}`)),
      ...firstRows.map(({ insert, values }) => this.prepareOwn(insert).bind(...values)),
    ];
    sql.exec("BEGIN");
    for (const statement of this.#clear) statement.run();
    sql.exec("COMMIT");
    this.changes.all = true;
  }
}

/** Databases that nobody uses now. */
const idle: DeviceDatabase[] = [];
const idleMax = 16;

/** Columns from which on it is worth while. */
const wideMin = 6;

type Readers = Pick<Statement, "get" | "all">;

const quickRows = new WeakMap<Statement, Readers>();

/** Without what the borrower before has set. */
function asNew(statement: Statement): Statement {
  statement.pluck(false).raw(false);
  const quick = quickRows.get(statement);
  if (quick === undefined) return statement;
  const plain = (): void => {
    for (const name of ["get", "all", "pluck", "raw"]) Reflect.deleteProperty(statement, name);
  };
  const { pluck, raw } = Object.getPrototypeOf(statement) as Statement;
  return Object.assign(statement, quick, {
    pluck: (...args: [toggle?: boolean]) => {
      plain();
      return pluck.apply(statement, args);
    },
    raw: (...args: [toggle?: boolean]) => {
      plain();
      return raw.apply(statement, args);
    },
  });
}

/** A function that makes an object of an array of values: written out, since a loop over names is as slow as before. */
function rowMaker(names: readonly string[]): (values: readonly unknown[]) => unknown {
  const fields = names.map((name, index) => `${JSON.stringify(name)}: values[${index}]`);
  return new Function("values", `return { ${fields.join(", ")} };`) as ReturnType<typeof rowMaker>;
}
