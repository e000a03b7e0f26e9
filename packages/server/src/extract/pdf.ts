/** Text of PDF files, page by page, by pdf.js. */
import { getDocumentProxy } from "unpdf";
import { ExtractError } from "./extract-error.ts";
import { extractedLengthMax, pdfPagesMax } from "./limits.ts";

/** @throws ExtractError when it is no PDF, is damaged or needs a password */
export async function pdfToText(bytes: Uint8Array): Promise<string> {
  // pdf.js takes the buffer over: it gets one of its own.
  const document = await getDocumentProxy(new Uint8Array(bytes), {
    isEvalSupported: false,
    useSystemFonts: false,
    disableFontFace: true,
    stopAtErrors: false,
    verbosity: 0,
  }).catch((error: unknown) => {
    throw new ExtractError(problemOf(error));
  });
  try {
    const pages: string[] = [];
    let length = 0;
    for (let number = 1; number <= Math.min(document.numPages, pdfPagesMax); number += 1) {
      const page = await document.getPage(number);
      const { items } = await page.getTextContent();
      const text = items
        .map((item) => ("str" in item ? item.str + (item.hasEOL ? "\n" : "") : ""))
        .join("");
      page.cleanup();
      pages.push(text.trim());
      length += text.length;
      if (length > extractedLengthMax) break;
    }
    return pages.join("\n\n").trim();
  } catch (error) {
    throw new ExtractError(problemOf(error));
  } finally {
    await document.destroy();
  }
}

function problemOf(error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  if (name === "PasswordException") return "needs a password";
  const message = error instanceof Error ? error.message : String(error);
  return `is a damaged PDF: ${message.slice(0, 200).replace(/\.+$/, "")}`;
}
