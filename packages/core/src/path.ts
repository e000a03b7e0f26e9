/**
 * Names and paths.
 *
 * Inside the file system a name is a *byte string*: one char per byte (0…255), because Linux names are bytes
 * and need not be UTF-8. For ASCII names it is the name itself. Paths that the server knows are text.
 */
import { FsError } from "./errno.ts";
import { nameBytesMax, pathBytesMax } from "./limits.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text as a byte string: the UTF-8 bytes, one char each. */
export function toByteString(text: string): string {
  if (isAscii(text)) return text;
  let bytes = "";
  for (const byte of encoder.encode(text)) bytes += String.fromCharCode(byte);
  return bytes;
}

/** The text that a byte string spells in UTF-8, or undefined when it spells none. */
export function toText(bytes: string): string | undefined {
  if (isAscii(bytes)) return bytes;
  const raw = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i += 1) raw[i] = bytes.charCodeAt(i);
  try {
    return decoder.decode(raw);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** A byte string for people: its text, or with `\xNN` for each byte that is not ASCII. */
export function toDisplay(bytes: string): string {
  return (
    toText(bytes) ??
    bytes.replace(/[^ -~]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`)
  );
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/**
 * Fails unless `name` (a byte string) can be the name of an entry: 1…255 bytes, no slash, no NUL, neither
 * `.` nor `..`.
 * @throws FsError ENAMETOOLONG, EINVAL, ENOENT (empty), EEXIST (`.` and `..`, which every directory has)
 */
export function checkName(name: string): void {
  if (name.length > nameBytesMax) throw new FsError("ENAMETOOLONG", `${name.length} bytes`);
  if (name === "") throw new FsError("ENOENT", "empty name");
  if (name === "." || name === "..") throw new FsError("EEXIST", name);
  if (name.includes("/") || name.includes("\0")) throw new FsError("EINVAL", "name with / or NUL");
}

/** Why a path from the server cannot be used here, or undefined when it can. */
export function pathProblem(path: string): string | undefined {
  if (!path.startsWith("/")) return "does not start with /";
  if (path === "/") return "is the root";
  if (encoder.encode(path).length > pathBytesMax) return `is longer than ${pathBytesMax} bytes`;
  for (const name of path.slice(1).split("/")) {
    if (name === "") return "has an empty name";
    if (name === "." || name === "..") return `has a name ${name}`;
    if (encoder.encode(name).length > nameBytesMax) return `has a name over ${nameBytesMax} bytes`;
    // Control characters are legal in a local name but not in a path on the server (http-api.md, limits).
    if (hasControl(name)) return "has a control character";
    // Half a surrogate pair cannot be encoded and would come back as another name.
    if (/\p{Surrogate}/u.test(name)) return "is not well-formed Unicode";
  }
  return undefined;
}

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/** The names of an absolute path: `"/a/b"` → `["a", "b"]`, `"/"` → `[]`. */
export function splitPath(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}

/** `parent` and `name` as one path: `joinPath("/", "a")` → `"/a"`. */
export function joinPath(parent: string, name: string): string {
  return parent === "/" ? `/${name}` : `${parent}/${name}`;
}

/** The directory of a path: `"/a/b"` → `"/a"`, `"/a"` → `"/"`. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}

/** The last name of a path: `"/a/b"` → `"b"`. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Whether `path` is `ancestor` or lies below it. */
export function isAtOrBelow(path: string, ancestor: string): boolean {
  return ancestor === "/" || path === ancestor || path.startsWith(`${ancestor}/`);
}

/** Directory of conflict versions, at the root of a container. A normal, synced directory. */
export const conflictsDirectory = ".conflicts";
