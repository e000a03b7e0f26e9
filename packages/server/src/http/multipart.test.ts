import fc from "fast-check";
import { expect, test } from "vitest";
import { HttpError } from "./http-error.ts";
import { readForm } from "./multipart.ts";

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

const type = "multipart/form-data; boundary=bound";
const part = (head: string, body: Uint8Array) =>
  Buffer.concat([
    Buffer.from(`--bound\r\nContent-Disposition: form-data; ${head}\r\n\r\n`),
    body,
    Buffer.from("\r\n"),
  ]);
const bytes = fc.uint8Array({ maxLength: 300 });
// Bytes that look like boundaries are what a parser may trip over.
const tricky = fc
  .array(
    fc.oneof(
      bytes,
      fc
        .constantFrom("\r\n", "\r\n--", "--bound", "\r\n--boun", "-", "\r")
        .map((text) => Buffer.from(text)),
    ),
  )
  .map((parts) => Buffer.concat(parts))
  .filter((buffer) => !buffer.includes("\r\n--bound"));

test("[SERVER-126] a form's file and fields are read exactly, however the bytes arrive", async () => {
  await fc.assert(
    fc.asyncProperty(
      tricky,
      fc
        .string({ maxLength: 50 })
        .filter((text) => !/\p{Surrogate}/u.test(text) && !text.includes("\r\n--bound")),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      fc.boolean(),
      async (file, field, sizes, isFileFirst) => {
        const fields = part('name="field"', Buffer.from(field));
        const files = part('name="file"; filename="a b.bin"', file);
        const body = Buffer.concat([
          ...(isFileFirst ? [files, fields] : [fields, files]),
          Buffer.from("--bound--\r\nepilogue"),
        ]);
        const form = await readForm(type, cut(body, sizes), async (one) => ({
          name: one.fileName,
          bytes: await collect(one.chunks),
        }));
        expect(form.file?.name).toBe("a b.bin");
        expect(form.file?.bytes.equals(file)).toBe(true);
        expect(form.fields.get("field")).toBe(field);
      },
    ),
  );
});

test("whatever the bytes, a form is read or refused with 400", async () => {
  await fc.assert(
    fc.asyncProperty(
      tricky,
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      async (body, sizes) => {
        try {
          await readForm(
            type,
            cut(Buffer.concat([Buffer.from("--bound\r\n"), body]), sizes),
            (file) => collect(file.chunks),
          );
        } catch (error) {
          expect(error).toBeInstanceOf(HttpError);
          expect((error as HttpError).status).toBe(400);
        }
      },
    ),
  );
});

test.each([
  ['name="file"; filename="q\\"uote.txt"', 'q"uote.txt'],
  ['name="file"; filename="q%22uote.txt"', 'q"uote.txt'],
  ["name=file; filename=plain.txt", "plain.txt"],
  [`name="file"; filename="x"; filename*=UTF-8''%C3%A4.txt`, "ä.txt"],
])("file names are read in every form that clients send: %s", async (head, name) => {
  const body = Buffer.concat([part(head, Buffer.from("x")), Buffer.from("--bound--")]);
  const form = await readForm(type, cut(body, [7]), async (file) => {
    await collect(file.chunks);
    return file.fileName;
  });
  expect(form.file).toBe(name);
});

test("heads, fields and their number are bounded", async () => {
  const read = (body: Buffer) =>
    readForm(type, cut(body, [60_000]), (file) => collect(file.chunks));
  const end = Buffer.from("--bound--");
  const long = Buffer.concat([part(`name="${"x".repeat(20_000)}"`, Buffer.from("")), end]);
  await expect(read(long)).rejects.toThrow("too long");
  const big = Buffer.concat([part('name="f"', Buffer.alloc(200_000, "x")), end]);
  await expect(read(big)).rejects.toThrow("more than");
  const many = Buffer.concat([
    ...Array.from({ length: 40 }, (_, i) => part(`name="f${i}"`, Buffer.from("x"))),
    end,
  ]);
  await expect(read(many)).rejects.toThrow("fields");
});
