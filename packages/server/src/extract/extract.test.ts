import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { extracts, extractText } from "./extract.ts";
import { ExtractError } from "./extract-error.ts";
import { pdfOf } from "./testing/pdf.ts";
import { type ZipFile, zipOf } from "./testing/zip.ts";

const office = "application/vnd.openxmlformats-officedocument.";
const docx = `${office}wordprocessingml.document`;
const pptx = `${office}presentationml.presentation`;
const xlsx = `${office}spreadsheetml.sheet`;
const odt = "application/vnd.oasis.opendocument.text";
const epub = "application/epub+zip";
const pdf = "application/pdf";

const wordFile = (body: string, more: Partial<ZipFile> = {}): ZipFile => ({
  name: "word/document.xml",
  content: `<?xml version="1.0"?><w:document><w:body>${body}</w:body></w:document>`,
  ...more,
});

test("[EXTRACT-1] a Word document gives its headings, paragraphs, tables and notes", async () => {
  const bytes = zipOf([
    wordFile(
      `<w:p><w:pPr><w:pStyle w:val="Heading2"/></w:pPr><w:r><w:t>Diet &amp; water</w:t></w:r></w:p>
       <w:p><w:r><w:t xml:space="preserve">They eat </w:t></w:r><w:r><w:t>fish.</w:t></w:r></w:p>
       <w:tbl><w:tr><w:tc><w:p><w:r><w:t>cell one</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
       <w:instrText>HIDDEN</w:instrText>`,
    ),
    {
      name: "word/footnotes.xml",
      content: "<w:footnotes><w:p><w:t>a note</w:t></w:p></w:footnotes>",
    },
  ]);
  const text = await extractText(bytes, docx);
  expect(text).toBe("## Diet & water\n\nThey eat fish.\n\ncell one\n\na note");
});

test("[EXTRACT-1] presentations, spreadsheets, OpenDocument texts and books give their words in order", async () => {
  const slide = (words: string) => `<p:sld><a:p><a:r><a:t>${words}</a:t></a:r></a:p></p:sld>`;
  const deck = zipOf([
    { name: "ppt/slides/slide10.xml", content: slide("last") },
    { name: "ppt/slides/slide2.xml", content: slide("first") },
  ]);
  expect(await extractText(deck, pptx)).toBe("first\n\nlast");
  const sheet = zipOf([
    {
      name: "xl/sharedStrings.xml",
      content: "<sst><si><t>name</t></si><si><r><t>pen</t></r><r><t>guin</t></r></si></sst>",
    },
    {
      name: "xl/worksheets/sheet1.xml",
      content: `<row><c t="s"><v>0</v></c><c t="inlineStr"><is><t>count</t></is></c></row><row><c t="s"><v>1</v></c><c><v>7</v></c></row>`,
    },
  ]);
  expect(await extractText(sheet, xlsx)).toBe("name\tcount\npenguin\t7");
  const open = zipOf([
    {
      name: "content.xml",
      content: `<office:body><text:h text:outline-level="2">Birds</text:h><text:p>They<text:s/>dive.</text:p></office:body>`,
    },
  ]);
  expect(await extractText(open, odt)).toBe("## Birds\n\nThey dive.");
  const book = zipOf([
    { name: "ch10.xhtml", content: "<p>end</p>" },
    { name: "ch2.xhtml", content: "<p>start</p>" },
  ]);
  expect(await extractText(book, epub)).toBe("start\n\nend");
});

test("[EXTRACT-1] a PDF gives the text of all its pages", async () => {
  const text = await extractText(pdfOf(["Penguins (birds)\nwalk on ice", "second page"]), pdf);
  expect(text).toBe("Penguins (birds)\nwalk on ice\n\nsecond page");
});

test("[EXTRACT-1] a page gives its title and what readers see", async () => {
  const html = `<title>Ice &lt;cold&gt;</title><script>let x = "<p>no</p>"</script><h2>Sea</h2><p>They <i>dive</i><br>deep &#x26; far.<ul><li>one<li>two</ul>`;
  const text = await extractText(Buffer.from(html), "text/html");
  expect(text).toBe("# Ice <cold>\n\n## Sea\n\nThey dive\n\ndeep & far.\n\none\n\ntwo");
});

test("[EXTRACT-2] text is read in the encoding that its bytes or its page show", async () => {
  const plain = (bytes: Buffer, type = "text/plain") => extractText(bytes, type);
  expect(await plain(Buffer.from("Grüße"))).toBe("Grüße");
  expect(await plain(Buffer.from("Grüße", "latin1"))).toBe("Grüße");
  expect(await plain(Buffer.from("\ufeffGrüße", "utf16le"))).toBe("Grüße");
  expect(await plain(Buffer.from("\ufeffGrüße", "utf16le").swap16())).toBe("Grüße");
  const declared = Buffer.concat([
    Buffer.from('<meta charset="koi8-r"><p>'),
    Buffer.from([0xf0, 0xd2, 0xc9]),
  ]);
  expect(await plain(declared, "text/html")).toBe("При");
});

test("[EXTRACT-3] what is no file of its kind is refused with a reason", async () => {
  const noise = Buffer.from(Array.from({ length: 4000 }, (_, i) => (i * 7919) % 251));
  const cases: [Buffer, string, RegExp][] = [
    [noise, pdf, /PDF/],
    [noise, docx, /not an archive/],
    [noise, "text/plain", /encoding/],
    [Buffer.alloc(0), docx, /not an archive/],
    [zipOf([]), docx, /not a Word/],
    [zipOf([]), pptx, /not a presentation/],
    [zipOf([]), xlsx, /not a spreadsheet/],
    [zipOf([]), odt, /not an OpenDocument/],
    [zipOf([]), epub, /not a book/],
    [zipOf([wordFile("", { lie: { flags: 1 } })]), docx, /encrypted/],
    [zipOf([wordFile("", { lie: { method: 99 } })]), docx, /packed in a way/],
    [zipOf([wordFile("x".repeat(500), { lie: { packedBytes: 9 } })]), docx, /damaged/],
    [noise, "image/png", /not read/],
  ];
  for (const [bytes, mediaType, reason] of cases) {
    await expect(extractText(bytes, mediaType), `${mediaType} ${reason}`).rejects.toThrow(reason);
    await expect(extractText(bytes, mediaType)).rejects.toBeInstanceOf(ExtractError);
  }
  expect(extracts("image/png")).toBe(false);
  expect(extracts("text/x-anything")).toBe(true);
  expect(extracts("constructor")).toBe(false);
});

test("[EXTRACT-4] an archive that unpacks to gigabytes is refused before it does", async () => {
  const bomb = zipOf([wordFile("A".repeat(300 << 20))]);
  expect(bomb.length).toBeLessThan(1 << 20);
  const before = process.memoryUsage.rss();
  await expect(extractText(bomb, docx)).rejects.toThrow(/holds more than 128 MiB/);
  expect(process.memoryUsage.rss() - before).toBeLessThan(600 << 20);
}, 30_000);

test("[EXTRACT-4] an archive of very many files is refused", async () => {
  const files = Array.from({ length: 10_001 }, (_, i) => ({ name: `${i}`, content: "" }));
  await expect(extractText(zipOf(files), docx)).rejects.toThrow(/more than 10000 files/);
});

test("[EXTRACT-4] a long string that stands in very many cells is drawn as far as a text may be long", async () => {
  const sheet = zipOf([
    {
      name: "xl/sharedStrings.xml",
      content: `<sst><si><t>${"long ".repeat(20_000)}</t></si></sst>`,
    },
    {
      name: "xl/worksheets/sheet1.xml",
      content: `<row>${'<c t="s"><v>0</v></c>'.repeat(100_000)}</row>`,
    },
  ]);
  expect((await extractText(sheet, xlsx)).length).toBeGreaterThan(16_000_000);
}, 30_000);

test("[EXTRACT-4] pages in circles, counts that lie and references to nowhere end a PDF", async () => {
  const pages = (kids: string, count: number) =>
    Buffer.from(
      `%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[${kids}]/Count ${count}>>\nendobj\n3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>\nendobj\ntrailer<</Root 1 0 R>>\n`,
    );
  const looped = "%PDF-1.4\nxref\n0 1\n0000000000 65535 f \ntrailer<</Size 1/Prev 9/Root 1 0 R>>\n";
  for (const bytes of [
    pages("2 0 R 3 0 R", 3),
    pages("3 0 R", 2_000_000_000),
    pages("3 0 R ".repeat(10_000), 10_000),
    pages("9 0 R", 1),
    Buffer.from(`${looped}startxref\n9\n%%EOF`),
  ]) {
    const result = await extractText(bytes, pdf).catch((error: unknown) => error);
    if (typeof result !== "string") expect(result).toBeInstanceOf(ExtractError);
  }
}, 30_000);

test("[EXTRACT-4] a PDF of very many pages ends within its bounds", async () => {
  const text = await extractText(pdfOf(Array.from({ length: 300 }, (_, i) => `page ${i}`)), pdf);
  expect(text).toContain("page 299");
}, 30_000);

test("[EXTRACT-4] a PDF with a damaged page stream is read as far as it goes or refused, and never crashes", async () => {
  const damaged = pdfOf(["one", "two"], (text) =>
    deflateSync(`BT (${text}) Tj ET`).subarray(0, 12),
  );
  const result = await extractText(damaged, pdf).catch((error: unknown) => error);
  expect(typeof result === "string" || result instanceof ExtractError).toBe(true);
});

test("[EXTRACT-5] hostile markup takes time in proportion to its length", async () => {
  const pages = [
    "<".repeat(2_000_000),
    "<a ".repeat(700_000),
    '<a b="'.repeat(400_000),
    "<script>".repeat(300_000),
    "<!--".repeat(500_000),
    "<div>".repeat(400_000),
    "&amp".repeat(500_000),
    "<![CDATA[".repeat(200_000),
  ];
  for (const page of pages) {
    const started = performance.now();
    await extractText(Buffer.from(page), "text/html");
    expect(performance.now() - started, page.slice(0, 10)).toBeLessThan(3000);
  }
}, 60_000);

test("[EXTRACT-6] any bytes of any format give text or an ExtractError", async () => {
  const types = [docx, pptx, xlsx, odt, epub, pdf, "text/html", "text/plain"];
  const valid = [zipOf([wordFile("<w:p><w:t>x</w:t></w:p>")]), pdfOf(["x"])];
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    // A good file with some bytes changed reaches further than noise.
    fc
      .tuple(
        fc.constantFrom(...valid),
        fc.array(fc.tuple(fc.nat(1000), fc.nat(255)), { maxLength: 5 }),
      )
      .map(([file, changes]) => {
        const copy = Uint8Array.from(file);
        for (const [at, value] of changes) copy[at % copy.length] = value;
        return copy;
      }),
  );
  await fc.assert(
    fc.asyncProperty(bytes, fc.constantFrom(...types), async (input, mediaType) => {
      const result = await extractText(input, mediaType).catch((error: unknown) => error);
      if (typeof result !== "string") expect(result).toBeInstanceOf(ExtractError);
    }),
    { numRuns: 150 },
  );
}, 60_000);
