export type { MinilmEmbedder } from "./minilm-embedder.ts";
export { type MinilmModel, minilmModel } from "./minilm-model.ts";
