/** Sizes as people write them: `500M`, `2G`, in powers of 1024. */

/** @returns undefined for what is no size */
export function parseByteSize(text: string): number | undefined {
  const [, digits = "", unit = ""] = /^(\d{1,12})([kmgt]?)(?:i?b)?$/i.exec(text.trim()) ?? [];
  const power = " kmgt".indexOf(unit === "" ? " " : unit.toLowerCase());
  const bytes = Number(digits) * 1024 ** power;
  return digits === "" || !Number.isSafeInteger(bytes) ? undefined : bytes;
}
