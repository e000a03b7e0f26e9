/** Output that a test can read. */
import type { Output } from "../output.ts";

export class MemoryOutput implements Output {
  readonly isClosed = false;
  readonly lines: string[] = [];
  readonly notes: string[] = [];
  readonly progressed: string[] = [];

  line(text: string): void {
    this.lines.push(text);
  }

  json(value: unknown): void {
    this.line(JSON.stringify(value));
  }

  note(text: string): void {
    this.notes.push(text);
  }

  progress(text: string): void {
    this.progressed.push(text);
  }

  endProgress(): void {}

  bold(text: string): string {
    return text;
  }

  dim(text: string): string {
    return text;
  }
}
