/**
 * A sharper model beside the static one: it embeds every chunk in the background and every question while it is
 * loaded. Whatever goes wrong with it, search goes on with the static vectors.
 */
import type { QuestionVector } from "../search/search-engine.ts";
import type { ModelStatus } from "../search/search-service.ts";

export interface Sharpener {
  /**
   * The question's vector, when the model is loaded and answers soon; else undefined, and the model is loaded for the
   * questions to come.
   */
  questionVector(question: string): Promise<QuestionVector | undefined>;
  /** There may be chunks without a vector. */
  wake(): void;
  status(): Omit<ModelStatus, "chunks">;
  close(): Promise<void>;
}
