/** Where facts come from. */

export interface Fact {
  readonly text: string;
  /** Holds for long: belongs to the static part of a profile. */
  readonly isStatic: boolean;
  /** The profile bucket it belongs to, where one fits. */
  readonly bucket: string | null;
}

/** What a source is told beside the text. */
export interface FactContext {
  /** What the container is about, in its owner's words. */
  readonly entityContext: string | null;
  readonly buckets: readonly { readonly key: string; readonly description: string }[];
}

/** A source that takes its time: a language model. */
export interface FactSource {
  /** Names it in logs. */
  readonly label: string;
  /** @throws Error when it cannot be asked or its answer cannot be read; asked again later */
  find(text: string, context: FactContext, signal: AbortSignal): Promise<readonly Fact[]>;
}

/** Facts of one document. */
export const factsMax = 200;
/** UTF-16 units of one fact: shorter ones say nothing, longer ones are prose. */
export const factLengthMin = 4;
export const factLengthMax = 1000;
