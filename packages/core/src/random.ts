/** Randomness, injected everywhere, so that a run can be replayed. */

export interface Random {
  /** A number in [0, 1). For pacing and choices. */
  next(): number;
  /** `count` random bytes. Identities are made of these. */
  bytes(count: number): Uint8Array;
}

/** The machine's randomness; the bytes are fit for keys. */
export const systemRandom: Random = {
  next: () => {
    const word = new Uint32Array(1);
    crypto.getRandomValues(word);
    return (word[0] ?? 0) / 2 ** 32;
  },
  bytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
};

/**
 * A seeded generator: sfc32 (Chris Doty-Humphrey, PractRand), four words of state, started from a seed that is
 * spread by splitmix32 so that neighbouring seeds give unrelated streams.
 * @param seed any integer; its low 32 bits count
 */
export function seededRandom(seed: number): Random {
  let spread = seed | 0;
  const word = (): number => {
    spread = (spread + 0x9e3779b9) | 0;
    let z = spread ^ (spread >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z = z ^ (z >>> 15);
    z = Math.imul(z, 0x735a2d97);
    return (z ^ (z >>> 15)) | 0;
  };
  let a = word();
  let b = word();
  let c = word();
  let count = 1;
  const next32 = (): number => {
    const sum = (((a + b) | 0) + count) | 0;
    count = (count + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i += 1) next32();
  return {
    next: () => next32() / 2 ** 32,
    bytes: (n) => {
      const out = new Uint8Array(n);
      for (let i = 0; i < n; i += 1) out[i] = next32() & 0xff;
      return out;
    },
  };
}

const hexDigits = "0123456789abcdef";
const base32Digits = "abcdefghijklmnopqrstuvwxyz234567";

/** Bytes in lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += (hexDigits[byte >> 4] ?? "") + (hexDigits[byte & 15] ?? "");
  return text;
}

/** Bytes in lower-case base32 without padding (RFC 4648 §6). */
export function toBase32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      text += base32Digits[(held >> (bits - 5)) & 31] ?? "";
      bits -= 5;
    }
    held &= (1 << bits) - 1;
  }
  if (bits > 0) text += base32Digits[(held << (5 - bits)) & 31] ?? "";
  return text;
}
