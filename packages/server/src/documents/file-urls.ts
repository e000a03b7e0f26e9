/** Signed addresses: a document's bytes without a key, for a day. The signature is the permission. */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "@smfs/core";
import { signedUrlMs } from "../limits.ts";
import type { StoredDocument } from "../storage/stored.ts";

export class FileUrls {
  readonly #secret: string;
  readonly #clock: Clock;

  /** @param secret kept with the data: addresses outlive a restart */
  constructor(secret: string, clock: Clock) {
    this.#secret = secret;
    this.#clock = clock;
  }

  /** The address of a document's present bytes. Given anew within the hour it is the same, so that it can be cached. */
  urlOf(document: Pick<StoredDocument, "id" | "contentRev">, baseUrl: string): string {
    const hour = 3_600_000;
    const exp = Math.ceil(this.#clock.now() / hour) * hour + signedUrlMs;
    const place = `${document.id}/${document.contentRev}`;
    return `${baseUrl}/files/${place}?exp=${exp}&sig=${this.#signature(place, exp)}`;
  }

  /** Whether an address was given by this server and is still good. */
  isGood(id: string, rev: string, exp: string, sig: string): boolean {
    const expected = Buffer.from(this.#signature(`${id}/${rev}`, Number(exp)));
    const given = Buffer.from(sig);
    return (
      given.length === expected.length &&
      timingSafeEqual(given, expected) &&
      this.#clock.now() < Number(exp)
    );
  }

  #signature(place: string, exp: number): string {
    return createHmac("sha256", this.#secret).update(`${place}?exp=${exp}`).digest("base64url");
  }
}
