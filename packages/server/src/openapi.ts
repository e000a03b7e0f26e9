/** The contract as an OpenAPI 3.1 document, made of the same table and schemas that requests are checked by. */
import {
  ErrorBodySchema,
  type OtherAnswer,
  type Route,
  routes,
  type Schema,
  UploadFieldsSchema,
} from "@smfs/api";
import * as z from "zod/mini";
import { serverVersion } from "./server-context.ts";

type Json = Readonly<Record<string, unknown>>;

let made: Json | undefined;

/** The document; made once. */
export function openapiDocument(): Json {
  made ??= makeDocument();
  return made;
}

function makeDocument(): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const [name, route] of Object.entries(routes) as [string, Route][]) {
    const path = route.path.replace("…", "");
    const methods = paths[path] ?? {};
    methods[route.method.toLowerCase()] = operation(name, route);
    paths[path] = methods;
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "smfs memory server",
      version: serverVersion,
      description: "The Supermemory v3/v4 API with the extensions described in docs/http-api.md.",
    },
    servers: [{ url: "/" }],
    components: {
      securitySchemes: { key: { type: "http", scheme: "bearer" } },
      schemas: { Error: toJsonSchema(ErrorBodySchema, "output") },
    },
    security: [{ key: [] }],
    paths,
  };
}

function operation(name: string, route: Route): Json {
  const parameters = [
    ...[...route.path.matchAll(/\{(\w+)…?\}/g)].map((match) => ({
      name: match[1],
      in: "path",
      required: true,
      schema: { type: "string" },
    })),
    ...queryParameters(route.query),
  ];
  return {
    operationId: name,
    summary: route.summary,
    ...(route.access === "open" ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...requestBody(route),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.answers).map(([status, answer]) => [status, response(answer)]),
      ),
      default: {
        description: "Anything else",
        content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
      },
    },
  };
}

function queryParameters(query: Schema<unknown> | undefined): Json[] {
  if (query === undefined) return [];
  const { properties, required } = toJsonSchema(query, "input") as {
    readonly properties?: Readonly<Record<string, Json>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    required: required?.includes(name) === true,
    schema,
  }));
}

function requestBody(route: Route): Json {
  const content = bodyContent(route);
  // No bytes at all are an empty document.
  const required = route.upload !== "bytes";
  return content === undefined ? {} : { requestBody: { required, content } };
}

function bodyContent(route: Route): Json | undefined {
  if (route.body !== undefined) {
    return { "application/json": { schema: toJsonSchema(route.body, "input") } };
  }
  if (route.upload === "bytes") return { "*/*": {} };
  if (route.upload === undefined) return undefined;
  const fields = toJsonSchema(UploadFieldsSchema, "input") as { readonly properties?: Json };
  const properties = { ...fields.properties, file: { type: "string", format: "binary" } };
  return { "multipart/form-data": { schema: { type: "object", properties, required: ["file"] } } };
}

const otherTypes: Readonly<Record<Exclude<OtherAnswer, "empty">, string>> = {
  bytes: "*/*",
  events: "text/event-stream",
  text: "text/plain",
};

function response(answer: Schema<unknown> | OtherAnswer): Json {
  if (answer === "empty") return { description: "Done" };
  const content =
    typeof answer === "string"
      ? { [otherTypes[answer]]: {} }
      : { "application/json": { schema: toJsonSchema(answer, "output") } };
  return { description: "Done", content };
}

function toJsonSchema(schema: Schema<unknown>, io: "input" | "output"): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return json;
}
