/** Reads images on a thread of its own: what hangs or breaks there is ended with it. */
import { readFile } from "node:fs/promises";
import { parentPort, workerData } from "node:worker_threads";
import { Recogniser } from "./recogniser.ts";

/** What the worker is started with: each language and the file of its data. */
export interface ImageWorkerData {
  readonly languages: readonly { readonly code: string; readonly file: string }[];
}

export interface ImageCall {
  readonly bytes: Uint8Array;
  readonly orientation: number;
}

export interface ImageReply {
  readonly text: string;
}

// Given by whoever starts this worker (tesseract.ts).
const { languages } = workerData as ImageWorkerData;
const loaded = Promise.all(
  languages.map(async ({ code, file }) => ({ code, compressed: await readFile(file) })),
);
const recogniser = await Recogniser.open(await loaded);
parentPort?.on("message", ({ bytes, orientation }: ImageCall) => {
  const reply: ImageReply = { text: recogniser.read(bytes, orientation) };
  parentPort?.postMessage(reply);
});
