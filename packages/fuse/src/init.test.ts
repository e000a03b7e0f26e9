import { FsError } from "@smfs/core";
import { describe, expect, test } from "vitest";
import * as abi from "./abi.ts";
import * as flags from "./flags.ts";
import { type KernelOffer, negotiate, type Wishes } from "./init.ts";
import { setUp } from "./testing/dispatcher.ts";
import { body } from "./testing/wire.ts";

const offer: KernelOffer = {
  major: 7,
  minor: 45,
  maxReadahead: 131_072,
  flags: 0xffff_ffff,
  flags2: 0xffff_ffff,
};
const wishes: Wishes = { passthrough: true, stackDepth: 2, posixAcl: true };

/** Flags that change what we agree on, one by one. */
const optional = Object.entries(flags).filter(
  ([name]) =>
    name.startsWith("FUSE_") && !/WRITEBACK|AUTO_INVAL|KILL_SUIDGID|FDATASYNC|_2$/.test(name),
);

describe("negotiation", () => {
  test("[FUSE-4] the writeback cache is never asked for, whatever is offered and wished", () => {
    for (const passthrough of [true, false]) {
      const terms = negotiate(offer, { ...wishes, passthrough });
      expect(terms?.flags).toBeDefined();
      expect((terms?.flags ?? 0) & flags.FUSE_WRITEBACK_CACHE).toBe(0);
    }
  });

  test.each(optional)("[FUSE-3] without %s it is not used", (_name, flag) => {
    const terms = negotiate({ ...offer, flags: offer.flags & ~flag }, wishes);
    expect((terms?.flags ?? 0) & flag).toBe(0);
    const forcedOff = negotiate(offer, { ...wishes, without: { flags: flag } });
    expect((forcedOff?.flags ?? 0) & flag).toBe(0);
  });

  test("[FUSE-20] truncation is a part of the open only where the kernel says what it clears", () => {
    expect((negotiate(offer, wishes)?.flags ?? 0) & flags.FUSE_ATOMIC_O_TRUNC).not.toBe(0);
    const without = { flags: flags.FUSE_HANDLE_KILLPRIV_V2 };
    const terms = negotiate(offer, { ...wishes, without });
    expect((terms?.flags ?? 0) & flags.FUSE_ATOMIC_O_TRUNC).toBe(0);
  });

  test("[FUSE-3] nothing that was not offered is asked for", () => {
    const terms = negotiate({ ...offer, flags: 0, flags2: 0xffff_ffff }, wishes);
    expect(terms).toMatchObject({ flags: 0, flags2: 0, passthrough: false });
  });

  test("[FUSE-3] passthrough needs the kernel's flag, the long INIT and our wish", () => {
    expect(negotiate(offer, wishes)).toMatchObject({ passthrough: true, stackDepth: 2 });
    const without = [
      negotiate({ ...offer, flags2: 0 }, wishes),
      negotiate({ ...offer, flags: offer.flags & ~flags.FUSE_INIT_EXT }, wishes),
      negotiate(offer, { ...wishes, passthrough: false }),
      negotiate(offer, { ...wishes, without: { flags2: flags.FUSE_PASSTHROUGH_2 } }),
    ];
    for (const terms of without) expect(terms).toMatchObject({ passthrough: false, stackDepth: 0 });
  });

  test("[FUSE-3] ACLs and the umask are ours together or not at all", () => {
    expect(negotiate(offer, wishes)?.posixAcl).toBe(true);
    for (const flag of [flags.FUSE_POSIX_ACL, flags.FUSE_DONT_MASK]) {
      const terms = negotiate({ ...offer, flags: offer.flags & ~flag }, wishes);
      expect(terms?.posixAcl).toBe(false);
      expect((terms?.flags ?? 0) & (flags.FUSE_POSIX_ACL | flags.FUSE_DONT_MASK)).toBe(0);
    }
  });

  test("[FUSE-3] one WRITE has 1 MiB, or 128 KiB where the kernel cannot say how many pages", () => {
    expect(negotiate(offer, wishes)?.maxWrite).toBe(1 << 20);
    const old = negotiate({ ...offer, flags: offer.flags & ~flags.FUSE_MAX_PAGES }, wishes);
    expect(old?.maxWrite).toBe(128 << 10);
  });

  test("[FUSE-3] too old a kernel is EPROTO, a newer one is answered in our version", () => {
    for (const old of [
      { major: 6, minor: 99 },
      { major: 7, minor: 30 },
    ]) {
      expect(() => negotiate({ ...offer, ...old }, wishes)).toThrow(FsError);
    }
    expect(negotiate({ ...offer, minor: 31 }, wishes)?.minor).toBe(31);
    expect(negotiate({ ...offer, minor: 99 }, wishes)?.minor).toBe(45);
    expect(negotiate({ ...offer, major: 8 }, wishes)).toBeUndefined();
  });
});

describe("INIT on the wire", () => {
  const init = (major: number, minor: number, flags2?: number) => {
    const content = body().u32(major, minor, 131_072, 0xffff_ffff);
    return flags2 === undefined ? content : content.u32(flags2);
  };

  test("[FUSE-3] the reply has 64 bytes, and what was agreed", () => {
    const { wire, dispatcher, close } = setUp({ init: false });
    const reply = wire.ok(abi.FUSE_INIT, init(7, 45, 0xffff_ffff));
    expect(reply).toHaveLength(abi.initOutBytes);
    expect([reply.readUInt32LE(0), reply.readUInt32LE(4)]).toEqual([7, 45]);
    expect(reply.readUInt32LE(12)).toBe((dispatcher.terms?.flags ?? 0) >>> 0);
    expect(reply.readUInt32LE(20)).toBe(1 << 20);
    expect(reply.readUInt16LE(28)).toBe(256);
    expect(reply.readUInt32LE(24)).toBe(1);
    close();
  });

  test("[FUSE-3] a kernel before 7.36 sends a short INIT", () => {
    const { wire, dispatcher, close } = setUp({ init: false });
    wire.ok(abi.FUSE_INIT, init(7, 31));
    expect(dispatcher.terms).toMatchObject({ minor: 31, flags2: 0, noFlush: false });
    close();
  });

  test("[FUSE-3] a newer major version is answered with ours, and the second INIT agrees", () => {
    const { wire, dispatcher, close } = setUp({ init: false });
    expect(wire.ok(abi.FUSE_INIT, init(8, 0)).readUInt32LE(0)).toBe(7);
    expect(dispatcher.terms).toBeUndefined();
    wire.ok(abi.FUSE_INIT, init(7, 45, 0));
    expect(dispatcher.terms?.minor).toBe(45);
    close();
  });

  test("[FUSE-3] DESTROY is answered", () => {
    const { wire, close } = setUp();
    expect(wire.ok(abi.FUSE_DESTROY, body())).toHaveLength(0);
    close();
  });
});
