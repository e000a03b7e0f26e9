// A worker that does what it is asked, also what no worker should do. Plain JavaScript, so that tests need no build.
import { parentPort, threadId, workerData } from "node:worker_threads";

const held = [];
const send = (reply) => (parentPort === null ? process.send(reply) : parentPort.postMessage(reply));
(parentPort ?? process).on("message", ({ id, input }) => {
  switch (input.kind) {
    case "echo": {
      const worker = `${process.pid}/${threadId}`;
      send({ id, output: { value: input.value, worker, workerData, pid: process.pid } });
      break;
    }
    case "fail":
      send({ id, error: "it did not work" });
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
      for (;;) held.push(Buffer.alloc(16 << 20, 1));
    case "environment":
      send({ id, output: Object.keys(process.env) });
      break;
  }
});
