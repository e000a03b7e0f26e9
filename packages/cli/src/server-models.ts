/**
 * The models beside the server's own: what sharpens its index, what finds facts. A model that is not there, or cannot
 * be reached, never keeps a server from starting: it fails when it is needed, its status says why, and what is built in
 * answers.
 */
import { systemClock } from "@smfs/core";
import {
  chatFacts,
  type FactSource,
  httpModel,
  type ImageTextSource,
  type ModelSource,
  sharedWordPiece,
} from "@smfs/server";
import { readKey } from "./credentials.ts";
import { modelFreeBytesMin } from "./limits.ts";
import type { EmbedderSetting, EndpointSetting } from "./server-config.ts";

/** The sharper embedding model that the settings name; undefined for the built-in table alone. */
export async function embeddingModel(setting: EmbedderSetting): Promise<ModelSource | undefined> {
  switch (setting.kind) {
    case "static":
      return undefined;
    case "minilm":
      return (await installedMinilm()) ?? (setting.isAsked ? missingMinilm : undefined);
    case "endpoint":
      return endpointModel(setting);
  }
}

/** minilm, where its package and a runtime for it are installed. */
async function installedMinilm(): Promise<ModelSource | undefined> {
  let library: typeof import("@smfs/embed-minilm");
  try {
    library = await import("@smfs/embed-minilm");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
  const model = library.minilmModel((text) => sharedWordPiece().tokenIds(text), systemClock);
  return model && whereMemoryIsFree(model, () => process.availableMemory());
}

/** What reads the text in images, where it is installed. */
export async function imageReader(): Promise<ImageTextSource | undefined> {
  try {
    const { tesseract } = await import("@smfs/image-text");
    return tesseract({ clock: systemClock });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

const missingMinilm: ModelSource = {
  label: "minilm-int8",
  questionMs: 0,
  load: () => Promise.reject(new Error("it is not installed: npm install onnxruntime-web gets it")),
};

/** The model, loaded only where that leaves others their memory; asked again later. */
export function whereMemoryIsFree(model: ModelSource, freeBytes: () => number): ModelSource {
  return {
    ...model,
    load: async () => {
      const free = freeBytes();
      if (free >= modelFreeBytesMin) return await model.load();
      const mib = (bytes: number) => `${Math.floor(bytes / 2 ** 20)} MiB`;
      throw new Error(
        `${mib(free)} of memory are free, ${mib(modelFreeBytesMin)} are needed to load it`,
      );
    },
  };
}

function endpointModel({ baseUrl, model, keyFile }: EndpointSetting): ModelSource {
  const { label, questionMs } = httpModel({ baseUrl, model });
  // The key is read when it is needed: one that comes later, or is changed, is used.
  return {
    label,
    questionMs,
    load: async () => await httpModel({ baseUrl, model, ...keyIn(keyFile) }).load(),
  };
}

/** The language model that finds facts in memory documents; undefined where none is set. */
export function factModel(setting: EndpointSetting | null): FactSource | undefined {
  if (setting === null) return undefined;
  const { baseUrl, model, keyFile } = setting;
  return {
    label: chatFacts({ baseUrl, model }).label,
    find: async (text, context, signal) =>
      await chatFacts({ baseUrl, model, ...keyIn(keyFile) }).find(text, context, signal),
  };
}

function keyIn(keyFile: string | null): { readonly key?: string } {
  return keyFile === null ? {} : { key: readKey({ kind: "file", path: keyFile }).key };
}
