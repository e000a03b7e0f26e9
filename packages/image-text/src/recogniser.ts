/**
 * Tesseract itself, on the thread that calls it: WebAssembly with a file system in its own memory, where the data of its
 * languages and one image at a time are put.
 */
import { createRequire } from "node:module";
import { gunzipSync } from "node:zlib";
import { confidenceMin } from "./limits.ts";

/** What of the library is called; it has no types of its own. */
interface TesseractModule {
  readonly FS: {
    writeFile(path: string, bytes: Uint8Array): void;
    unlink(path: string): void;
  };
  readonly TessBaseAPI: new () => TesseractApi;
}

interface TesseractApi {
  /** 0: all is well. @param engine 1: the neural network alone */
  Init(dataPath: null, languages: string, engine: number): number;
  /** Takes `/input`. @param orientation as EXIF has it, 1 to 8. @returns 1 when it is no image */
  SetImageFile(orientation: number, angle: number): number;
  Recognize(monitor: null): number;
  GetUTF8Text(): string;
  /** 0 to 100 */
  MeanTextConf(): number;
  Clear(): void;
}

/** One language: Tesseract's name of it, and its data, compressed as its package has it. */
export interface LanguageData {
  readonly code: string;
  readonly compressed: Uint8Array;
}

const networkAlone = 1;
const require = createRequire(import.meta.url);

export class Recogniser {
  readonly #module: TesseractModule;
  readonly #api: TesseractApi;

  private constructor(module: TesseractModule, api: TesseractApi) {
    this.#module = module;
    this.#api = api;
  }

  /** @throws Error when a language's data is none */
  static async open(languages: readonly LanguageData[]): Promise<Recogniser> {
    const load = require("tesseract.js-core/tesseract-core-simd-lstm") as (options: {
      print(): void;
      printErr(): void;
    }) => Promise<TesseractModule>;
    const module = await load({ print: () => undefined, printErr: () => undefined });
    for (const { code, compressed } of languages) {
      module.FS.writeFile(`./${code}.traineddata`, gunzipSync(compressed));
    }
    const api = new module.TessBaseAPI();
    const names = languages.map(({ code }) => code).join("+");
    if (api.Init(null, names, networkAlone) !== 0) {
      throw new Error(`tesseract does not take the data of ${names}`);
    }
    return new Recogniser(module, api);
  }

  /**
   * The text in an image; empty when there is none, or it is no image after all.
   * @param orientation as EXIF has it, 1 to 8
   */
  read(bytes: Uint8Array, orientation: number): string {
    const { FS } = this.#module;
    FS.writeFile("/input", bytes);
    try {
      if (this.#api.SetImageFile(orientation, 0) === 1) return "";
      this.#api.Recognize(null);
      return this.#api.MeanTextConf() < confidenceMin ? "" : this.#api.GetUTF8Text();
    } finally {
      this.#api.Clear();
      FS.unlink("/input");
    }
  }
}
