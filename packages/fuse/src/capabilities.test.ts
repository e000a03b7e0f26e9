import { describe, expect, test } from "vitest";
import { capabilityNames, withoutCapabilities } from "./capabilities.ts";
import { type KernelOffer, negotiate, type Terms, type Without } from "./init.ts";

const offer: KernelOffer = {
  major: 7,
  minor: 45,
  maxReadahead: 131_072,
  flags: 0xffff_ffff,
  flags2: 0xffff_ffff,
};

function agreed(...names: string[]): Terms {
  const without = withoutCapabilities(names) as Without;
  const terms = negotiate(offer, { passthrough: true, stackDepth: 1, posixAcl: true, without });
  if (terms === undefined) throw new Error("nothing was agreed");
  return terms;
}

/** What of the terms an older kernel would not have. */
const of = ({ flags, flags2, minor }: Terms) => ({ flags: flags >>> 0, flags2, minor });

describe("what is named is left unused", () => {
  test.each(capabilityNames)(
    "[FUSE-26] %s: its flags are not agreed, and no others are",
    (name) => {
      const { flags = 0, flags2 = 0, minor = 45 } = withoutCapabilities([name]) as Without;
      const all = agreed();
      const terms = agreed(name);
      expect(of(terms)).not.toEqual(of(all));
      expect([terms.flags & flags, terms.flags2 & flags2]).toEqual([0, 0]);
      expect([terms.flags & ~all.flags, terms.flags2 & ~all.flags2]).toEqual([0, 0]);
      expect(terms.minor).toBeLessThanOrEqual(minor);
    },
  );

  test("[FUSE-26] every flag that can be agreed on has a name", () => {
    const { flags, flags2 } = agreed(...capabilityNames.filter((name) => name !== "all"));
    expect([flags, flags2]).toEqual([0, 0]);
  });

  test("[FUSE-26] several names count together", () => {
    const terms = agreed("readdirplus", "passthrough", "noflush", "newer-than-5.10");
    expect(terms).toMatchObject({ passthrough: false, noFlush: false, minor: 32 });
  });

  test("[FUSE-26] nothing named leaves everything, and a name that is none is told", () => {
    expect(of(agreed())).toEqual(
      of(negotiate(offer, { passthrough: true, stackDepth: 1, posixAcl: true }) as Terms),
    );
    for (const name of ["splice", "Passthrough", "", "toString", "__proto__"]) {
      expect(withoutCapabilities(["passthrough", name])).toEqual({ unknown: name });
    }
  });
});
