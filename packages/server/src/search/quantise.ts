/**
 * Vectors in 8 bits a dimension: 4 bytes of little-endian float32 scale, then one signed byte per dimension.
 * The scale makes the stored vector's length 1 again, so that its dot product with a query is the cosine.
 */

const scaleBytes = 4;

/** A vector of length 1 (or zero) as it is stored. */
export function quantised(vector: Float32Array): Uint8Array {
  let largest = 0;
  for (const value of vector) largest = Math.max(largest, Math.abs(value));
  const bytes = new Uint8Array(scaleBytes + vector.length);
  if (largest === 0) return bytes;
  const signed = new Int8Array(bytes.buffer, scaleBytes);
  let squares = 0;
  for (let i = 0; i < vector.length; i += 1) {
    const rounded = Math.round(((vector[i] ?? 0) / largest) * 127);
    signed[i] = rounded;
    squares += rounded * rounded;
  }
  new DataView(bytes.buffer).setFloat32(0, 1 / Math.sqrt(squares), true);
  return bytes;
}

/** Cosine of a stored vector with a query of length 1; 0 when their dimensions differ. */
export function cosine(stored: Uint8Array, query: Float32Array): number {
  if (stored.length !== scaleBytes + query.length) return 0;
  const signed = new Int8Array(stored.buffer, stored.byteOffset + scaleBytes, query.length);
  let sum = 0;
  for (let i = 0; i < query.length; i += 1) sum += (signed[i] ?? 0) * (query[i] ?? 0);
  return sum * new DataView(stored.buffer, stored.byteOffset).getFloat32(0, true);
}

/** Whether a stored vector is the zero vector, which matches nothing. */
export function isZero(stored: Uint8Array): boolean {
  return new DataView(stored.buffer, stored.byteOffset).getFloat32(0, true) === 0;
}

/** 32-bit words that the signs of `dimension` dimensions take. */
export function signWords(dimension: number): number {
  return Math.ceil(dimension / 32);
}

/** Writes the signs of a stored vector, one bit a dimension, into `into` from `at`. */
export function writeSigns(stored: Uint8Array, into: Uint32Array, at: number): void {
  for (let i = scaleBytes, bit = 0; i < stored.length; i += 1, bit += 1) {
    // The top bit of a signed byte is set for a negative value.
    if ((stored[i] ?? 0) < 128) {
      const word = at + (bit >>> 5);
      into[word] = (into[word] ?? 0) | (1 << (bit & 31));
    }
  }
}
