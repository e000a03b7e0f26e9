/**
 * What failed while a model's endpoint was asked, in words that quote neither what was sent nor what came back: these
 * words go into logs and into the status, and an endpoint may repeat the text it was sent.
 */
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "its name is not known",
  EAI_AGAIN: "its name is not known",
};

/** @param host shown to people; anything that is not known here is passed on as it is */
export function endpointError(error: unknown, host: string): unknown {
  if (error instanceof SyntaxError) return new Error("the endpoint's answer is not JSON");
  if (!(error instanceof Error)) return error;
  if (/ZodError$/.test(error.name)) return new Error("the endpoint's answer has another form");
  // What fetch throws; the reason is inside.
  if (!(error instanceof TypeError)) return error;
  const code = (error.cause as { code?: unknown } | undefined)?.code;
  const reason = typeof code === "string" ? (reasons[code] ?? code) : "the connection broke off";
  return new Error(`${host} cannot be reached: ${reason}`);
}
