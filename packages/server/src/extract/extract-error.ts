/** Bytes from which no text can be drawn: the message says why, in words fit for the document's `errorMessage`. */
export class ExtractError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ExtractError";
  }
}
