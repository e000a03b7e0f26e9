/** The simulator's own parts. */

import { seededRandom } from "@smfs/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { NaiveDevice } from "./naive-client.ts";
import { Choices, Stream } from "./rng.ts";
import { recipeOf, run } from "./run.ts";
import { type Life, Scheduler } from "./sched.ts";
import { sha256 } from "./sha256.ts";
import { Shrinker } from "./shrink.ts";
import { TokenSet, Tokens } from "./tokens.ts";

const naive = (seat: ConstructorParameters<typeof NaiveDevice>[0]) =>
  new NaiveDevice(seat, "same-version");

test("[SIM-2] a seed run twice, and its recording replayed, give the same trace", async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const recipe = recipeOf(seed);
    const first = await run(recipe, naive);
    const second = await run(recipe, naive);
    const replay = await run({ ...recipe, recording: first.recording }, naive);
    expect(second.traceHash).toBe(first.traceHash);
    expect(replay.traceHash).toBe(first.traceHash);
    expect(replay.violation).toEqual(first.violation);
  }
});

test("[SIM-3] a stream replays what it made and goes on with zeros", () => {
  const first = new Stream(seededRandom(5));
  const drawn = [first.below(10), first.below(1000), first.happens(0.5) ? 1 : 0];
  const again = new Stream(first.made);
  expect([again.below(10), again.below(1000), again.happens(0.5) ? 1 : 0]).toEqual(drawn);
  expect([again.below(10), again.happens(0.99), again.fraction()]).toEqual([0, false, 0]);
});

test("[SIM-3] the first of several weighted choices is the simplest", () => {
  expect(new Stream([0]).pick({ calm: 1, storm: 9 })).toBe("calm");
});

test("[SIM-4] events run in order of time; the dead do not run", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { maxLength: 60 }), fc.integer(), (times, seed) => {
      const sched = new Scheduler(new Choices(seed, undefined).stream("schedule"));
      const dead: Life = { isAlive: true, pendingCount: 0 };
      const ran: number[] = [];
      for (const [index, at] of times.entries()) {
        const life = index % 7 === 3 ? dead : undefined;
        const cancel = sched.at(at, "event", life, () => ran.push(at));
        if (index % 5 === 4) cancel();
      }
      dead.isAlive = false;
      for (let next = sched.next(100); next !== undefined; next = sched.next(100)) next();
      const wanted = times.filter((_at, index) => index % 7 !== 3 && index % 5 !== 4);
      expect(ran).toEqual(wanted.sort((a, b) => a - b));
      expect(dead.pendingCount).toBe(0);
    }),
  );
});

test("[SIM-5] coverage is the reflexive and transitive closure of replacing", () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.nat(), { maxLength: 3 }), { maxLength: 80 }), (graph) => {
      const tokens = new Tokens();
      const closure: Set<number>[] = [];
      for (const [index, raw] of graph.entries()) {
        const parents = index === 0 ? [] : raw.map((one) => one % index);
        tokens.make(parents, { device: "d", at: 0, path: "/a" });
        closure.push(new Set([index, ...parents.flatMap((parent) => [...closure[parent]!])]));
      }
      for (const [index, wanted] of closure.entries())
        expect(new Set(tokens.ancestors(index))).toEqual(wanted);
    }),
  );
});

test("[SIM-5] what is outside of several sets is found", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(200)), fc.uniqueArray(fc.nat(200)), (a, b) => {
      const left = new TokenSet();
      const right = new TokenSet();
      for (const one of a) left.add(one);
      for (const one of b) right.add(one);
      const outside = left.firstOutside(right);
      const wanted = a.filter((one) => !b.includes(one));
      if (outside === undefined) expect(wanted).toEqual([]);
      else expect(wanted).toContain(outside);
    }),
  );
});

test("[SIM-6] a content is its tokens; torn, mixed and unknown lines are strange", () => {
  const tokens = new Tokens();
  const info = { device: "d", at: 0, path: "/a" };
  const one = tokens.make([], info);
  const two = tokens.make([one], info);
  const parse = (text: string) => {
    const bytes = new Uint8Array(Buffer.from(text, "latin1"));
    return tokens.content(sha256(bytes), () => bytes)!;
  };
  expect(parse(tokens.line(one) + tokens.line(two)).lines).toEqual([one, two]);
  expect(parse(`\xff${tokens.line(two)}`)).toMatchObject({ lines: [two], strange: undefined });
  expect(parse(`\0\0\r\n${tokens.line(two).trim()}`).strange).toBeUndefined();
  expect(parse(tokens.line(one).slice(0, 4)).strange).toBeDefined();
  expect(parse("t00zzzz.\n").strange).toBeDefined();
  expect(parse("somebody else's text").strange).toBeDefined();
});

test("[SIM-7] shrinking leaves a run in which the same rule breaks, and that replays", async () => {
  const lossy = (seat: ConstructorParameters<typeof NaiveDevice>[0]) =>
    new NaiveDevice(seat, "always");
  let recipe = recipeOf(1);
  let outcome = await run(recipe, lossy);
  for (let seed = 2; outcome.violation?.rule !== "INV-1"; seed += 1) {
    recipe = recipeOf(seed);
    outcome = await run(recipe, lossy);
  }
  const shrunk = await new Shrinker(recipe, outcome, lossy).shrink();
  expect(shrunk.outcome.violation?.rule).toBe("INV-1");
  expect(shrunk.recipe.script.length).toBeLessThan(8);
  const again = await run(shrunk.recipe, lossy);
  expect(again.violation).toEqual(shrunk.outcome.violation);
});
