/** A small PDF with one page for each text, for tests. */
import { deflateSync } from "node:zlib";

export function pdfOf(
  pages: readonly string[],
  streamOf: (text: string) => Buffer = packed,
): Buffer {
  const objects: Buffer[] = [];
  const add = (...parts: (string | Buffer)[]): void => {
    objects.push(Buffer.concat(parts.map((part) => Buffer.from(part))));
  };
  const kids = pages.map((_, i) => `${4 + i * 2} 0 R`).join(" ");
  add("<< /Type /Catalog /Pages 2 0 R >>");
  add(`<< /Type /Pages /Count ${pages.length} /Kids [${kids}] >>`);
  add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>");
  pages.forEach((text, i) => {
    add(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents ${5 + i * 2} 0 R`,
      " /Resources << /Font << /F1 3 0 R >> >> >>",
    );
    const stream = streamOf(text);
    add(`<< /Filter /FlateDecode /Length ${stream.length} >>\nstream\n`, stream, "\nendstream");
  });
  const parts: Buffer[] = [Buffer.from("%PDF-1.7\n")];
  const offsets: number[] = [];
  let offset = parts[0]?.length ?? 0;
  objects.forEach((object, i) => {
    const whole = Buffer.concat([
      Buffer.from(`${i + 1} 0 obj\n`),
      object,
      Buffer.from("\nendobj\n"),
    ]);
    offsets.push(offset);
    offset += whole.length;
    parts.push(whole);
  });
  const lines = offsets.map((at) => `${String(at).padStart(10, "0")} 00000 n \n`);
  parts.push(
    Buffer.from(`xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${lines.join("")}`),
    Buffer.from(
      `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${offset}\n%%EOF\n`,
    ),
  );
  return Buffer.concat(parts);
}

function packed(text: string): Buffer {
  const lines = text.split("\n").map((line) => `(${line.replace(/[()\\]/g, "\\$&")}) Tj T*`);
  return deflateSync(`BT /F1 12 Tf 14 TL 50 750 Td ${lines.join(" ")} ET`);
}
