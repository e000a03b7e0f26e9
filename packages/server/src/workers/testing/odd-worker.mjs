// A worker that does what it is asked, also what no worker should do. Plain JavaScript, so that tests need no build.
import { parentPort, threadId, workerData } from "node:worker_threads";

const held = [];
parentPort.on("message", ({ id, input }) => {
  switch (input.kind) {
    case "echo":
      parentPort.postMessage({ id, output: { value: input.value, threadId, workerData } });
      break;
    case "fail":
      parentPort.postMessage({ id, error: "it did not work" });
      break;
    case "hang":
      for (;;) held.length = 0;
    case "exit":
      process.exit(3);
      break;
    case "throw":
      throw new Error("unforeseen");
    case "heap":
      for (;;) held.push(new Array(1000).fill(held.length).map(String));
    case "buffers":
      setInterval(() => held.push(Buffer.alloc(16 << 20, 1)), 10);
      break;
  }
});
