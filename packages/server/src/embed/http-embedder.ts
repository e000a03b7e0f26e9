/**
 * Embeds through an OpenAI-compatible endpoint: OpenAI itself, Ollama, LM Studio, vLLM and others
 * (POST {base}/embeddings with `model` and `input`; platform.openai.com/docs/api-reference/embeddings).
 */
import type { Calibration, Embedder, ModelSource } from "./embedder.ts";
import { endpointError } from "./endpoint-error.ts";
import { calibrationFrom, probeTexts } from "./probe-pairs.ts";
import { scaledToUnit } from "./static-embedder.ts";

export interface HttpModelOptions {
  /** Such as `http://127.0.0.1:11434/v1`. */
  readonly baseUrl: string;
  readonly model: string;
  /** Bearer key; never logged. */
  readonly key?: string;
  readonly fetch?: typeof globalThis.fetch;
}

/** Milliseconds that one request may take; the first may have to load the model there. */
const requestMs = 60_000;
/** Bytes of an answer: 64 vectors of 4096 numbers with 20 digits. */
const answerBytesMax = 8 << 20;
const dimensionMax = 8192;
/** UTF-16 units of one text that is sent; models cut at some hundred tokens anyway. */
const textLengthMax = 8000;

/** A model behind an endpoint. It is probed when it is loaded, which tells its dimension and what its scores mean. */
export function httpModel(options: HttpModelOptions): ModelSource {
  const host = new URL(options.baseUrl).host;
  const label = `${options.model}@${host}`;
  return {
    label,
    questionMs: 2000,
    load: async () => {
      const vectors = await request(options, probeTexts, undefined);
      const dimension = vectors[0]?.length ?? 0;
      return new HttpEmbedder(
        options,
        `${label}/${dimension}`,
        dimension,
        calibrationFrom(vectors),
      );
    },
  };
}

class HttpEmbedder implements Embedder {
  readonly name: string;
  readonly dimension: number;
  readonly calibration: Calibration;
  readonly #options: HttpModelOptions;

  constructor(
    options: HttpModelOptions,
    name: string,
    dimension: number,
    calibration: Calibration,
  ) {
    this.#options = options;
    this.name = name;
    this.dimension = dimension;
    this.calibration = calibration;
  }

  async embed(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]> {
    const vectors = await request(this.#options, texts, signal);
    if (vectors.some((vector) => vector.length !== this.dimension)) {
      throw new Error(`the endpoint's vectors have no longer ${this.dimension} dimensions`);
    }
    return vectors;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function request(
  options: HttpModelOptions,
  texts: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Float32Array[]> {
  try {
    return await exchange(options, texts, signal);
  } catch (error) {
    throw endpointError(error, new URL(options.baseUrl).host);
  }
}

async function exchange(
  options: HttpModelOptions,
  texts: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Float32Array[]> {
  const { baseUrl, model, key, fetch = globalThis.fetch } = options;
  const timeout = AbortSignal.timeout(requestMs);
  const response = await fetch(`${baseUrl.replace(/\/+$/, "")}/embeddings`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
    // An empty text is refused by some endpoints.
    body: JSON.stringify({
      model,
      input: texts.map((text) => text.slice(0, textLengthMax) || " "),
    }),
    redirect: "error",
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`the endpoint answered ${response.status}`);
  }
  return readVectors(await readBounded(response), texts.length);
}

async function readBounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > answerBytesMax) throw new Error("the endpoint's answer is too long");
    text += decoder.decode(part, { stream: true });
  }
  return text + decoder.decode();
}

/** The vectors of an answer, by their `index`, checked and scaled to length 1. */
function readVectors(text: string, count: number): Float32Array[] {
  const answer = JSON.parse(text) as {
    data?: ({ index?: number; embedding?: unknown } | null)[];
  } | null;
  const data = answer?.data;
  if (!Array.isArray(data) || data.length !== count) {
    throw new Error(`the endpoint gave ${data?.length ?? 0} vectors for ${count} texts`);
  }
  const vectors = new Array<Float32Array>(count);
  for (const [position, row] of data.entries()) {
    const { index = position, embedding } = row ?? {};
    const isVector =
      Array.isArray(embedding) &&
      embedding.length > 0 &&
      embedding.length <= dimensionMax &&
      embedding.every((value) => typeof value === "number" && Number.isFinite(value));
    if (!isVector || vectors[index] !== undefined || index < 0 || index >= count) {
      throw new Error("the endpoint's answer is not a list of vectors");
    }
    vectors[index] = scaledToUnit(Float32Array.from(embedding as number[]));
  }
  return vectors;
}
