/** Ids as the API has them: 22 characters of base58, 128 bits of randomness. */
import type { Random } from "@smfs/core";

const digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const idLength = 22;

export function newId(random: Random): string {
  let id = "";
  while (id.length < idLength) {
    for (const byte of random.bytes(32)) {
      // 58 of 64 values are digits; the others are left out, so that every digit is as likely.
      const digit = digits[byte & 63];
      if (digit !== undefined && id.length < idLength) id += digit;
    }
  }
  return id;
}
