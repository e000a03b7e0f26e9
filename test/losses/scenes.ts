/** What many scenarios begin with, and how they end. */
import { expect } from "vitest";
import { isHold, type ModelResponse } from "../hosted-model/message.ts";
import { embeddedQuirks, hostedQuirks, type Quirks } from "../hosted-model/quirks.ts";
import { type Device, type DeviceOptions, Rig } from "./rig.ts";

/** Servers that every scenario of sync is tried with. */
export const servers: Readonly<Record<string, Quirks>> = {
  "the hosted server": { ...hostedQuirks, processingMs: [200, 400] },
  "a server that counts": embeddedQuirks,
};

/** Two devices of one container, with `/f` = "base" and its bytes on both. */
export async function pair(
  quirks: Quirks,
  options: DeviceOptions = {},
): Promise<{ rig: Rig; a: Device; b: Device }> {
  const rig = new Rig(quirks);
  const a = rig.device("a", options).start();
  const b = rig.device("b", options).start();
  await rig.run(1000);
  a.write("/f", "base\n");
  await rig.until(() => b.ino("/f") !== undefined && b.isClean() && a.isClean(), "both have /f");
  await rig.until(() => hasBytes(b, "/f"), "b has the bytes");
  return { rig, a, b };
}

/** Whether a file's bytes are here. */
export function hasBytes(device: Device, path: string): boolean {
  return device.store.context.inodes.get(device.ino(path) ?? 0).stub === 0;
}

/** Lets everything come to rest, for long enough that two full listings agree on what is gone. */
export async function quiet(rig: Rig, ...devices: Device[]): Promise<void> {
  await rig.run(3000);
  await rig.until(() => devices.every((device) => device.isClean()), "all is quiet", 400_000);
  await rig.run(100_000);
  await rig.until(() => devices.every((device) => device.isClean()), "all is quiet again", 400_000);
  for (const device of devices) expect(device.errors).toEqual([]);
}

/** Requests by a device that change something at the server, from the `from`th request on. */
export function writesOf(rig: Rig, device: string, from = 0): string[] {
  return rig.requests
    .slice(from)
    .filter((one) => one.device === device && one.method !== "GET" && !one.path.endsWith("/list"))
    .map(({ method, path }) => `${method} ${path}`);
}

/** Somebody else's request to the server: a console, another tool. */
export function asStranger(rig: Rig, method: string, path: string, value?: unknown): ModelResponse {
  const body = value === undefined ? {} : { body: { kind: "json" as const, value } };
  const answer = rig.model.handle({ method, path, ...body });
  if (isHold(answer)) throw new Error("the server holds this request");
  return answer;
}
