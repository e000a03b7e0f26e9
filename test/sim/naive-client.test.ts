import { describe, expect, test } from "vitest";
import { hostedQuirks, type Quirks } from "../hosted-model/quirks.ts";
import { calm, drawConfig, type SimConfig } from "./config.ts";
import { type ClearRule, NaiveDevice } from "./naive-client.ts";
import { run } from "./run.ts";
import { drawScript } from "./script.ts";

/** One device, one file, no faults, true clocks: the setting in which nothing may ever be lost. */
function harmless(seed: number, quirks: Partial<Quirks>): SimConfig {
  return {
    ...calm(drawConfig(seed)),
    deviceCount: 1,
    server: "hosted",
    quirks: { ...hostedQuirks, ...quirks },
    files: ["/a"],
    deeds: ["save", "append"],
    actionCount: 8,
    activeMs: 60_000,
    binaryShare: 0,
  };
}

async function lostShare(rule: ClearRule, quirks: Partial<Quirks>, seeds: number) {
  const rules = new Map<string, number>();
  for (let seed = 1; seed <= seeds; seed += 1) {
    const config = harmless(seed, quirks);
    const script = drawScript(config);
    const { violation } = await run({ config, script }, (seat) => new NaiveDevice(seat, rule));
    if (violation !== undefined) rules.set(violation.rule, (rules.get(violation.rule) ?? 0) + 1);
  }
  return rules;
}

describe("the reference algorithm loses writes, and the oracle sees it", () => {
  test("[SIM-1] a mark that is cleared without looking loses an acknowledged write", async () => {
    const rules = await lostShare("always", { processingMs: [500, 8000] }, 100);
    expect((rules.get("INV-1") ?? 0) + (rules.get("FIN-1") ?? 0)).toBeGreaterThan(0);
  });

  test("[SIM-1] clearing it by a version alone still loses one, by the clock-compared pull guard", async () => {
    const rules = await lostShare("same-version", { processingMs: [500, 8000] }, 200);
    expect(rules.get("INV-1") ?? 0).toBeGreaterThan(0);
  });
});
