import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { bytes, duration, isoTime, printable, StreamOutput, table } from "./output.ts";

class Sink {
  text = "";
  readonly isTTY: boolean;
  readonly columns = 30;

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }
}

test("[CLI-9] text from outside cannot steer the terminal", () => {
  expect(printable("a\x1b[2Jb\r\n\x9bc\u007f")).toBe("a\\x1b[2Jb\\x0d\\x0a\\x9bc\\x7f");
  expect(printable("Bücher 日本 🙂")).toBe("Bücher 日本 🙂");
});

test("[CLI-14] results go to standard output, everything else to standard error", () => {
  const [out, err] = [new Sink(false), new Sink(false)];
  const output = new StreamOutput(out, err);
  output.progress("working: 2,000 left");
  output.progress("working: 999 left");
  output.note("by the way");
  output.line("result");
  output.json({ a: 1 });
  expect(err.text).toBe("working: 2,000 left\nby the way\n");
  expect(out.text).toBe('result\n{\n  "a": 1\n}\n');
  expect(output.bold("x")).toBe("x");
});

test("[CLI-14] on a terminal the progress line replaces itself and is gone before the result", () => {
  const err = new Sink(true);
  const output = new StreamOutput(err, err);
  output.progress("a".repeat(50));
  output.progress("short");
  output.line("result");
  expect(err.text).toBe(`\r\x1b[K${"a".repeat(29)}\r\x1b[Kshort\r\x1b[Kresult\n`);
});

test("[CLI-14] a terminal that is to stay plain gets lines as a file does", () => {
  const err = new Sink(true);
  const output = new StreamOutput(err, err, true);
  output.progress("working");
  output.line(output.bold("result"));
  expect(err.text).toBe("working\nresult\n");
});

test("[CLI-14] a reader that goes away is no failure, and is noticed", () => {
  const out = new EventEmitter() as EventEmitter & Sink;
  const written: string[] = [];
  out.write = (text) => void written.push(text);
  const output = new StreamOutput(out, new Sink(false));
  expect(output.isClosed).toBe(false);
  out.emit("error", Object.assign(new Error("broken pipe"), { code: "EPIPE" }));
  expect(output.isClosed).toBe(true);
  expect(() => out.emit("error", new Error("disk"))).toThrow("disk");
});

test("[CLI-14] durations and tables read as people write them", () => {
  expect([0, 59, 60, 3600, 3660, 90_000, 86_400].map(duration)).toEqual([
    "0 s",
    "59 s",
    "1 min",
    "1 h",
    "1 h 1 min",
    "1 d 1 h",
    "1 d",
  ]);
  expect(
    table([
      ["a", "b"],
      ["long", "c"],
    ]),
  ).toEqual(["a     b", "long  c"]);
});

test("[CLI-14] sizes and times are as people and programs read them", () => {
  expect([0, 1023, 1024, 184 * 1024, 3.4 * 2 ** 20, 5 * 2 ** 40].map(bytes)).toEqual([
    "0 B",
    "1023 B",
    "1.0 KiB",
    "184 KiB",
    "3.4 MiB",
    "5.0 TiB",
  ]);
  expect(isoTime(1_795_420_800_999)).toBe("2026-11-23T08:00:00Z");
});
