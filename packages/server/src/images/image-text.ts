/** What reads the text in images, where somebody installed it (the package image-text). */
export interface ImageTextSource {
  /** For people: its name and what it runs on. */
  readonly label: string;
  /** Media types of the images that it reads. */
  readonly mediaTypes: ReadonlySet<string>;
  /**
   * The text in an image, empty where there is none. An image that cannot be read has none; what throws is a reader that
   * does not work.
   */
  read(image: { readonly bytes: Uint8Array }, signal: AbortSignal): Promise<string>;
  /** Frees what it holds; it may be asked again. */
  close(): Promise<void>;
}
