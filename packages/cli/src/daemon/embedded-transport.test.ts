import { type HttpRequest, type HttpResponse, type Transport, TransportError } from "@smfs/api";
import { type Clock, silentLogger, systemClock } from "@smfs/core";
import { expect, test } from "vitest";
import { EmbeddedTransport } from "./embedded-transport.ts";

const request: HttpRequest = { method: "GET", path: "/", deadlineMs: 1 };
const response = { status: 200 } as HttpResponse;

function stage(outcomes: Record<string, "up" | "unsent" | "unknown">) {
  let now = 0;
  const clock: Clock = { ...systemClock, monotonic: () => now };
  const revived: string[] = [];
  const connect = (apiUrl: string): Transport => ({
    exchange: async () => {
      const outcome = outcomes[apiUrl] ?? "unsent";
      if (outcome === "up") return response;
      throw new TransportError(outcome, "down");
    },
  });
  const transport = new EmbeddedTransport({
    apiUrl: "http://a",
    connect,
    revive: async () => {
      revived.push("once");
      return "http://b";
    },
    clock,
    log: silentLogger,
  });
  const pass = (ms: number) => {
    now += ms;
  };
  return { transport, revived, pass };
}

test("[CLI-18] a server that is gone is started again, and found at its new address", async () => {
  const { transport, revived } = stage({ "http://b": "up" });
  await expect(transport.exchange(request)).rejects.toThrow(TransportError);
  await transport.settled();
  expect(await transport.exchange(request)).toBe(response);
  expect(transport.apiUrl).toBe("http://b");
  expect(revived).toHaveLength(1);
});

test("[CLI-18] a request whose outcome is unknown starts nothing", async () => {
  const { transport, revived } = stage({ "http://a": "unknown" });
  await expect(transport.exchange(request)).rejects.toThrow(TransportError);
  await transport.settled();
  expect(revived).toHaveLength(0);
});

test("[CLI-18] a server that does not stay is not started more than once in ten seconds", async () => {
  const { transport, revived, pass } = stage({});
  for (let i = 0; i < 5; i += 1) {
    await expect(transport.exchange(request)).rejects.toThrow(TransportError);
    await transport.settled();
  }
  expect(revived).toHaveLength(1);
  pass(10_000);
  await expect(transport.exchange(request)).rejects.toThrow(TransportError);
  await transport.settled();
  expect(revived).toHaveLength(2);
});
