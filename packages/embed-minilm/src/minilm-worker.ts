/** The model's worker: token ids in, vectors out. It is ended to free the model's memory. */
import { readFile } from "node:fs/promises";
import { platform, setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { present } from "@smfs/core";
import { backgroundPriority } from "./limits.ts";
import type { Runtime } from "./runtime.ts";

/** The part of both runtimes that is used. Theirs are not imported: the package compiles without any of them. */
interface Onnx {
  readonly env: { logLevel?: string; readonly wasm: { numThreads?: number } };
  readonly InferenceSession: {
    create(model: Uint8Array, options: Readonly<Record<string, unknown>>): Promise<Session>;
  };
  readonly Tensor: new (type: "int64", data: BigInt64Array, dims: readonly number[]) => unknown;
}

interface Session {
  run(
    feeds: Readonly<Record<string, unknown>>,
  ): Promise<Readonly<Record<string, { readonly data: ArrayLike<number> } | undefined>>>;
}

/** One call: the token ids of a text. */
export interface MinilmCall {
  readonly id: number;
  readonly tokenIds: readonly number[];
}

export type MinilmReply =
  | { readonly kind: "ready" }
  | { readonly kind: "vector"; readonly id: number; readonly vector: Float32Array }
  | { readonly kind: "problem"; readonly id: number; readonly message: string };

// On Linux this is the calling thread's priority alone: what people wait for goes first.
if (platform() === "linux") setPriority(backgroundPriority);
const port = present(parentPort, "the parent of a worker");
const onnx = await open(workerData as Runtime["name"]);
const session = await onnx.InferenceSession.create(
  await readFile(new URL("../assets/model.onnx", import.meta.url)),
  { intraOpNumThreads: 1, interOpNumThreads: 1, graphOptimizationLevel: "all" },
);
// The first runs are slow: they are not a question's.
for (const length of [8, 128]) await embed(new Array<number>(length).fill(2088));
let last: Promise<unknown> = Promise.resolve();
port.on("message", (call: MinilmCall) => {
  // One after another: two at a time would take twice as long each.
  last = last.then(() => answer(call));
});
port.postMessage({ kind: "ready" } satisfies MinilmReply);

async function open(name: Runtime["name"]): Promise<Onnx> {
  const module = (await import(name)) as Onnx & { readonly default?: Onnx };
  const runtime = module.default ?? module;
  runtime.env.logLevel = "error";
  // Threads of its own would compete with everything else on the machine.
  if (name === "onnxruntime-web") runtime.env.wasm.numThreads = 1;
  return runtime;
}

async function answer({ id, tokenIds }: MinilmCall): Promise<void> {
  try {
    const vector = await embed(tokenIds);
    port.postMessage({ kind: "vector", id, vector } satisfies MinilmReply, [vector.buffer]);
  } catch (error) {
    port.postMessage({ kind: "problem", id, message: String(error) } satisfies MinilmReply);
  }
}

async function embed(tokenIds: readonly number[]): Promise<Float32Array<ArrayBuffer>> {
  const dims = [1, tokenIds.length];
  const tensor = (value: (id: number) => number): unknown =>
    new onnx.Tensor(
      "int64",
      BigInt64Array.from(tokenIds, (id) => BigInt(value(id))),
      dims,
    );
  const output = await session.run({
    input_ids: tensor((id) => id),
    attention_mask: tensor(() => 1),
    token_type_ids: tensor(() => 0),
  });
  const embedding = present(output.sentence_embedding, "the model's output");
  // A copy: the runtime's own memory is used again by the next run.
  return Float32Array.from(embedding.data);
}
