import { expect, test } from "vitest";
import { listMounts, parseMountInfo } from "./mount-table.ts";

test("[MOUNT-1] mountinfo: optional fields, escapes, and lines of another form", () => {
  const text = [
    "36 35 98:0 / /mnt/a\\040b rw,noatime master:1 shared:2 - fuse.smfs note\\134s rw,user_id=0",
    "37 35 98:0 / / rw - ext4 /dev/vda rw",
    "garbage",
    "",
  ].join("\n");
  expect(parseMountInfo(text)).toEqual([
    { mountPoint: "/mnt/a b", type: "fuse.smfs", source: "note\\s", device: "98:0" },
    { mountPoint: "/", type: "ext4", source: "/dev/vda", device: "98:0" },
  ]);
});

test("[MOUNT-1] this system has a /proc", () => {
  expect(
    listMounts().some(({ mountPoint, type }) => mountPoint === "/proc" && type === "proc"),
  ).toBe(true);
});
