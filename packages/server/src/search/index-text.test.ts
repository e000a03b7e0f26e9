import fc from "fast-check";
import { expect, test } from "vitest";
import { StaticEmbedder } from "../embed/static-embedder.ts";
import { indexText } from "./index-text.ts";
import { isZero } from "./quantise.ts";

const embedder = new StaticEmbedder();

test("[INDEX-1] every chunk is a verbatim span of the text and has a vector of the static model", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 3000 }),
      fc.constantFrom("text/plain", "text/html"),
      (text, mediaType) => {
        for (const chunk of indexText(text, embedder, mediaType)) {
          expect(chunk.text).toBe(text.slice(chunk.start, chunk.end));
          expect(chunk.vectors?.map((vector) => vector.model)).toEqual(["static-256"]);
        }
      },
    ),
  );
});

test("[INDEX-2] a chunk is known by how its document begins and by its headings", () => {
  const filler = "Some words to fill a paragraph of text. ".repeat(12);
  const text = `# Penguin handbook\n\n${filler}\n\n${filler}\n\n## Diet\n\n${filler}\n\n${filler}`;
  const chunks = indexText(text, embedder);
  expect(chunks[0]?.lexicalText).toBeUndefined();
  expect(chunks.at(-1)?.lexicalText).toMatch(/^# Penguin handbook [\s\S]*\nDiet\nSome words/);
  expect(chunks.at(-1)?.text.startsWith("Some words")).toBe(true);
});

test("[INDEX-3] of HTML only what readers see is found, at its place in the source", () => {
  const html = `<!doctype html><head><title>Penguin &amp; co</title><style>p{color:red}</style></head>
<body><script>var secret = "hidden";</script>
<h1 class="x">Birds</h1><p title="a > b">They <b>cannot</b> fly &lt;far&gt;.</p>
<!-- not this -->
</body>`;
  const [chunk, ...others] = indexText(html, embedder, "text/html");
  expect(others).toEqual([]);
  expect(chunk?.text).toBe(html.slice(chunk?.start, chunk?.end));
  expect(chunk?.text).toContain("<b>cannot</b>");
  expect(chunk?.lexicalText).toContain("cannot fly <far>.");
  expect(chunk?.lexicalText).not.toMatch(/secret|color|not this|title/);
  expect([chunk?.lineStart, chunk?.lineEnd]).toEqual([3, 3]);
});

test("[INDEX-1] a text of marks alone still has chunks, and a vector that may be zero", () => {
  const [chunk] = indexText("***", embedder);
  expect(chunk?.text).toBe("***");
  expect(isZero(chunk?.vectors?.[0]?.bytes ?? new Uint8Array(4))).toBe(false);
});
