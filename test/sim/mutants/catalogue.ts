/** All mutants. */
import { answering } from "./answering.ts";
import { claiming } from "./claiming.ts";
import { ignoring } from "./ignoring.ts";
import { linking } from "./linking.ts";
import { listing } from "./listing.ts";
import type { Mutant } from "./mutant.ts";
import { pulling } from "./pulling.ts";
import { sending } from "./sending.ts";
import { settling } from "./settling.ts";
import { wrapped } from "./wrapped.ts";
import { writing } from "./writing.ts";

export const mutants: readonly Mutant[] = [
  ...wrapped,
  ...claiming,
  ...sending,
  ...answering,
  ...settling,
  ...pulling,
  ...listing,
  ...linking,
  ...writing,
  ...ignoring,
];
