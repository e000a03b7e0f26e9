/** Bounds of chunking, indexing and search, with unit and reason. */

/** UTF-16 units in one chunk: about 120 words. Larger chunks blur the vector, smaller ones lose its context. */
export const chunkLengthMax = 720;
/** Units below which a last piece joins the one before it, which may then be longer than `chunkLengthMax`. */
export const chunkLengthMin = 120;
/** Chunks of one document; the text behind them is kept and served, but not found. 50,000 × 720 units are 36 MB. */
export const chunksMax = 50_000;
/** Units of a text that is chunked and embedded on the caller's thread: about 4 ms. Longer ones go to a worker. */
export const inlineTextLengthMax = 32_768;
/** Units of a document's beginning that its other chunks are given as context. */
export const leadLength = 300;
/** Units of headings that a chunk is given as context. */
export const headingsLengthMax = 200;

/** Hits that one search may return. */
export const searchHitsMax = 100;
/** Hits of one document in an answer, so that a long document does not push all others out. */
export const chunksPerDocument = 3;
/** Candidates that each index gives first, and at most after widening (when a filter or a scope leaves too few). */
export const candidatesMin = 200;
export const candidatesMax = 20_000;
/**
 * Share of all documents above which a scope is applied to what the whole lexical index gives, of which correspondingly
 * more is asked: the engine would have to look up a large share of all chunks.
 */
export const largeScopeShare = 0.2;
/** Times a search looks again, each time with four times the candidates. */
export const wideningsMax = 4;
/** Vectors that are read from the storage at once when the matrix is filled. */
export const vectorPageMax = 5000;
/** Scopes whose documents are remembered: a byte for each document. */
export const rememberedScopesMax = 16;
/** Changed documents that a remembered scope follows one by one; more, and it is built anew. */
export const followedDocumentsMax = 1000;
/** UTF-16 units of a question that are looked at. */
export const questionLengthMax = 8192;
/** Words of a question that the lexical index is asked for. */
export const questionWordsMax = 32;
/** Searches in flight, and milliseconds that one may take (the first loads the matrix) before it is given up. */
export const searchCallsMax = 256;
export const searchMs = 20_000;
