/** Bounds of the model and its worker, with unit and reason. */

/** Tokens of one text, special ones included: what the model was trained on. */
export const tokensMax = 256;
/** Texts in one call. */
export const textsMax = 256;
/** Milliseconds that loading and warming may take on a slow machine, and one text. */
export const loadMs = 60_000;
export const textMs = 10_000;
/** Milliseconds that a question waits for its vector before it is asked without. */
export const questionMs = 400;
/** Nice value of the model's thread: a tenth of the time of a thread that somebody waits for. */
export const backgroundPriority = 10;
