// tsc writes only JavaScript: the SQL migrations go beside it, so that the built program finds them where the source does.
import { cpSync, existsSync } from "node:fs";

for (const dir of ["store/src/migrations", "server/src/storage/migrations"]) {
  const from = new URL(`../packages/${dir}`, import.meta.url);
  const to = new URL(`../packages/${dir.replace("/src/", "/dist/")}`, import.meta.url);
  if (existsSync(from)) cpSync(from, to, { recursive: true });
}
