/** Images whose text has still to be read. */
import type { PipelineReads, TextDebt, Transaction } from "../storage.ts";
import type { Database } from "./database.ts";

export function textDebtReads(db: Database): Pick<PipelineReads, "owesText" | "textsOwedAfter"> {
  const owed = db.prepare<[number, number], TextDebt>(
    `SELECT document_no AS documentNo, content_rev AS contentRev FROM text_debt
       WHERE document_no > ? ORDER BY document_no LIMIT ? + 0`,
  );
  const one = db.prepare<[number], number>("SELECT 1 FROM text_debt WHERE document_no = ?").pluck();
  return {
    owesText: async (documentNo) => one.get(documentNo) !== undefined,
    textsOwedAfter: async (afterNo, limit) => owed.all(afterNo, limit),
  };
}

export function textDebtWrites(db: Database): Pick<Transaction, "oweText" | "payText"> {
  const owe = db.prepare<[number, number]>("INSERT OR REPLACE INTO text_debt VALUES (?, ?)");
  const pay = db.prepare<[number, number]>(
    "DELETE FROM text_debt WHERE document_no = ? AND content_rev = ?",
  );
  return {
    oweText: async (documentNo, contentRev) => {
      owe.run(documentNo, contentRev);
    },
    payText: async ({ documentNo, contentRev }) => {
      pay.run(documentNo, contentRev);
    },
  };
}
