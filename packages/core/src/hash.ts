/** Digests, in the forms they travel in. */

/** SHA-256 of nothing: the digest of every empty file. Lower-case hexadecimal, as all digests in the store. */
export const emptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** A hexadecimal digest as the server writes it: `sha256-` and base64url without padding (http-api.md). */
export function toContentHash(hex: string): string {
  let text = "sha256-";
  let bits = 0;
  let held = 0;
  for (let i = 0; i < hex.length; i += 2) {
    held = (held << 8) | Number.parseInt(hex.slice(i, i + 2), 16);
    bits += 8;
    while (bits >= 6) {
      text += base64url[(held >> (bits - 6)) & 63] ?? "";
      bits -= 6;
    }
    held &= (1 << bits) - 1;
  }
  if (bits > 0) text += base64url[(held << (6 - bits)) & 63] ?? "";
  return text;
}

/** The hexadecimal digest in a server's `contentHash`, or undefined when it is not one. */
export function fromContentHash(contentHash: string | null | undefined): string | undefined {
  const body = /^sha256-([A-Za-z0-9_-]{43})$/.exec(contentHash ?? "")?.[1];
  if (body === undefined) return undefined;
  let hex = "";
  let bits = 0;
  let held = 0;
  for (const digit of body) {
    held = (held << 6) | base64url.indexOf(digit);
    bits += 6;
    if (bits >= 8) {
      hex += ((held >> (bits - 8)) & 255).toString(16).padStart(2, "0");
      bits -= 8;
    }
    held &= (1 << bits) - 1;
  }
  return hex;
}
