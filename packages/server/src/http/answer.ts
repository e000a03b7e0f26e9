/** What a handler answers, before it becomes a response. */

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: AnswerBody;
}

export type AnswerBody =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "text"; readonly text: string }
  /** Opened only when it is sent: an answer to HEAD never is. */
  | { readonly kind: "stream"; readonly open: () => ReadableStream<Uint8Array> };

export function json(value: unknown, status = 200, headers?: Record<string, string>): Answer {
  return { status, body: { kind: "json", value }, ...(headers === undefined ? {} : { headers }) };
}

/** JSON has exactly this content type: some clients match it as a string. */
export function headersOf(answer: Answer): Headers {
  const headers = new Headers(answer.headers);
  if (answer.body?.kind === "json" && !headers.has("Content-Type")) {
    headers.set("Content-Type", "application/json");
  }
  return headers;
}

/** The answer as a response; to HEAD it has no body, and none is opened. */
export function toResponse(answer: Answer, headers: Headers, method: string): Response {
  const body = method === "HEAD" ? null : toBody(answer.body);
  return new Response(body, { status: answer.status, headers });
}

function toBody(body: AnswerBody | undefined): string | ReadableStream | null {
  switch (body?.kind) {
    case undefined:
      return null;
    case "json":
      return JSON.stringify(body.value);
    case "text":
      return body.text;
    case "stream":
      return body.open();
  }
}
