/** What a document is: its media type and the API's document type. Pure. */
import mime from "mime";

/**
 * Media types of names that the registry gets wrong for the files people keep: `.ts` is no video here.
 * A name that is not listed and that the registry does not know is plain text when its bytes are text.
 */
const textTypes: Readonly<Record<string, string>> = {
  md: "text/markdown",
  markdown: "text/markdown",
  mdx: "text/markdown",
  htm: "text/html",
  html: "text/html",
  xhtml: "application/xhtml+xml",
  csv: "text/csv",
  json: "application/json",
  xml: "application/xml",
  svg: "image/svg+xml",
  yaml: "application/yaml",
  yml: "application/yaml",
  css: "text/css",
  js: "text/javascript",
  mjs: "text/javascript",
};

export interface Sniffed {
  readonly isUtf8: boolean;
  readonly sniffedType: string | undefined;
}

/** The media type of bytes: what they show, else what the sender says, else what the name says. */
export function mediaTypeOf(
  bytes: Sniffed,
  name: string | undefined,
  declared: string | undefined,
): string {
  const extension = /\.([A-Za-z0-9]+)$/.exec(name ?? "")?.[1]?.toLowerCase();
  if (bytes.sniffedType === archive) return packedType(extension, declared) ?? archive;
  if (bytes.sniffedType !== undefined) return bytes.sniffedType;
  if (bytes.isUtf8) return textTypes[extension ?? ""] ?? textOf(declared) ?? "text/plain";
  return essence(declared) ?? (extension === undefined ? null : mime.getType(extension)) ?? octets;
}

const octets = "application/octet-stream";
const archive = "application/zip";
const packed =
  /^application\/(?:vnd\.openxmlformats-officedocument\.|vnd\.oasis\.opendocument\.|epub\+zip$)/;

/** Office files and books are archives, and what they are does not always stand at their beginning. */
function packedType(extension: string | undefined, declared: string | undefined) {
  const named = extension === undefined ? null : mime.getType(extension);
  return [essence(declared), named].find((type) => type != null && packed.test(type)) ?? undefined;
}

function textOf(declared: string | undefined): string | undefined {
  const type = essence(declared);
  return type?.startsWith("text/") === true ? type : undefined;
}

/** A media type without its parameters; a type that says nothing counts as none. */
function essence(declared: string | undefined): string | undefined {
  const type = declared?.split(";")[0]?.trim().toLowerCase();
  if (type === undefined || type === octets || type === "application/x-www-form-urlencoded")
    return undefined;
  return /^[a-z0-9!#$&^_.+-]{1,127}\/[a-z0-9!#$&^_.+-]{1,127}$/.test(type) ? type : undefined;
}

/**
 * The API's document type. Clients keep the bytes of five of them and write `content` over the file of any other, so
 * bytes that are no text never have another type than those five.
 * @param fallback the type of bytes that are none of the kinds the API knows
 */
export function documentType(mediaType: string, isText: boolean, fallback: string): string {
  if (isText) return "text";
  if (mediaType === "application/pdf") return "pdf";
  const kind = mediaType.split("/")[0] ?? "";
  return ["image", "video", "audio"].includes(kind) ? kind : fallback;
}
