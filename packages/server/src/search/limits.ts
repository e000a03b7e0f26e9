/** Bounds of chunking, indexing and search, with unit and reason. */

/** UTF-16 units in one chunk: about 120 words. Larger chunks blur the vector, smaller ones lose its context. */
export const chunkLengthMax = 720;
/** Units below which a last piece joins the one before it, which may then be longer than `chunkLengthMax`. */
export const chunkLengthMin = 120;
/** Chunks of one document; the text behind them is kept and served, but not found. 50,000 × 720 units are 36 MB. */
export const chunksMax = 50_000;
/** Units of a text that is chunked and embedded on the caller's thread: about 4 ms. Longer ones go to a worker. */
export const inlineTextLengthMax = 32_768;
/** Units of headings that a chunk is given as context. */
export const contextLengthMax = 200;
