import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { httpModel } from "./http-embedder.ts";
import { StaticEmbedder } from "./static-embedder.ts";

type Answer = (input: string[], response: ServerResponse) => void | Promise<void>;

let server: Server;
let answer: Answer;
let seen: {
  readonly path: string | undefined;
  readonly key: string | undefined;
  readonly model: string;
}[];
const embedder = new StaticEmbedder();

const vectorsOf = (input: string[]) =>
  input.map((text, index) => ({ index, embedding: Array.from(embedder.embedNow(text)) }));
const json =
  (body: unknown, status = 200): Answer =>
  (_, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };

beforeEach(async () => {
  seen = [];
  answer = (input, response) => json({ data: vectorsOf(input).reverse() })(input, response);
  server = createServer((request: IncomingMessage, response) => {
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () => {
      const { model, input } = JSON.parse(body) as { model: string; input: string[] };
      seen.push({ path: request.url, key: request.headers.authorization, model });
      void answer(input, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const options = (more = {}) => {
  const { port } = server.address() as AddressInfo;
  return { baseUrl: `http://127.0.0.1:${port}/v1/`, model: "some-model", ...more };
};

test("[HTTPEMBED-1] vectors come in the order of the texts, of length 1, under a name with their dimension", async () => {
  const model = await httpModel(options({ key: "secret" })).load();
  const [first, second] = await model.embed(["penguins", "money in the bank"]);
  expect(first).toHaveLength(256);
  expect(second?.[0]).toBeCloseTo(embedder.embedNow("money in the bank")[0] ?? 9, 5);
  expect(model.name).toMatch(/^some-model@127\.0\.0\.1:\d+\/256$/);
  expect(seen.at(-1)).toEqual({
    path: "/v1/embeddings",
    key: "Bearer secret",
    model: "some-model",
  });
});

test("[HTTPEMBED-2] a model is calibrated by what it gives to texts that belong together", async () => {
  const { calibration } = await httpModel(options()).load();
  const xs = calibration.curve.map(([x]) => x);
  const ys = calibration.curve.map(([, y]) => y);
  expect(xs).toEqual(xs.toSorted((a, b) => a - b));
  expect(ys).toEqual(ys.toSorted((a, b) => a - b));
  const relevant = calibration.curve.find(([, y]) => y === 0.6)?.[0] ?? 0;
  expect(relevant).toBeGreaterThan(0.1);
  expect(relevant).toBeLessThan(0.6);
});

test("[HTTPEMBED-3] an endpoint that is wrong in any way is an error that says how, without the key", async () => {
  const wrong: [Answer, RegExp][] = [
    [json({ error: "no" }, 401), /401/],
    [json({ data: [] }), /0 vectors for/],
    [json([]), /0 vectors/],
    [json(null), /0 vectors/],
    [(input, r) => json({ data: input.map(() => null) })(input, r), /not a list/],
    [(input, r) => json({ data: input.map(() => ({ embedding: ["x"] })) })(input, r), /not a list/],
    [
      (input, r) => json({ data: input.map(() => ({ index: 0, embedding: [1] })) })(input, r),
      /not a list/,
    ],
    [
      (input, r) => json({ data: input.map(() => ({ embedding: [null] })) })(input, r),
      /not a list/,
    ],
    [(_, r) => void r.end("not json"), /JSON/],
    [(_, r) => void r.end(" ".repeat(9 << 20)), /too long/],
    [(_, r) => void r.writeHead(302, { location: "/elsewhere" }).end(), /./],
    [(_, r) => void r.destroy(), /./],
  ];
  for (const [next, message] of wrong) {
    answer = next;
    const error = await httpModel(options({ key: "secret" }))
      .load()
      .then(() => undefined, String);
    expect(error).toMatch(message);
    expect(error).not.toContain("secret");
  }
});

test("[HTTPEMBED-3] what an endpoint says, and the text that it may repeat, is in no error", async () => {
  for (const said of ["the secret text", '{"data": the secret text', '"the secret text"']) {
    answer = (_, response) => void response.end(said);
    const error = await httpModel(options())
      .load()
      .then(() => undefined, String);
    expect(error).toMatch(/the endpoint/);
    expect(error).not.toContain("secret");
  }
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const nobody = httpModel({ baseUrl: `http://127.0.0.1:${port}/v1`, model: "m" });
  await expect(nobody.load()).rejects.toThrow(
    `127.0.0.1:${port} cannot be reached: nothing listens there`,
  );
});

test("[HTTPEMBED-4] an answer of another dimension than before is refused", async () => {
  const model = await httpModel(options()).load();
  answer = json({ data: [{ index: 0, embedding: [1, 0] }] });
  await expect(model.embed(["x"])).rejects.toThrow(/256/);
});

test("[HTTPEMBED-5] a request ends when its caller gives up", async () => {
  const model = await httpModel(options()).load();
  answer = () => undefined;
  const abort = new AbortController();
  const asked = model.embed(["x"], abort.signal);
  abort.abort();
  await expect(asked).rejects.toThrow();
});
