/** Files as multipart forms. */
import {
  ContainerTagSchema,
  MetadataPatchSchema,
  type UploadFields,
  UploadFieldsSchema,
} from "@smfs/api";
import type { Handlers } from "../app.ts";
import { receiveContent } from "../documents/receive-content.ts";
import { describeIssue } from "../http/describe-issue.ts";
import { invalid } from "../http/http-error.ts";
import { readForm } from "../http/multipart.ts";
import type { ServerContext } from "../server-context.ts";
import { preferring } from "./preferences.ts";
import { toWrite, writeAnswer, writeContext, writtenContainers } from "./write-context.ts";

export function uploadHandlers(context: ServerContext): Pick<Handlers, "uploadDocument"> {
  const { storage, documents, limits, indexer } = context;
  return {
    uploadDocument: async (request) => {
      const form = await readForm(request.header("content-type"), request.upload, async (file) => ({
        fileName: file.fileName,
        mediaType: file.mediaType,
        received: await receiveContent(storage, file.chunks, { bytesMax: limits.uploadBytesMax }),
      }));
      if (form.file === undefined) throw invalid("file: required");
      const { fileName, mediaType, received } = form.file;
      const fields = fieldsOf(form.fields);
      const containerTags = writtenContainers({
        containerTag: fields.containerTag,
        containerTags: tagList(fields.containerTags),
      });
      const write = {
        ...toWrite({ ...fields, metadata: metadataOf(fields.metadata) }),
        received,
        containerTags,
        fileName,
        mediaType: fields.mimeType ?? mediaType,
      };
      const answer = await request.write(
        async (tx) => writeAnswer(await documents.put(tx, write, writeContext(request))),
        received.digest,
      );
      indexer.wake();
      return preferring(context, request, answer);
    },
  };
}

function fieldsOf(fields: ReadonlyMap<string, string>): UploadFields {
  // An empty field of a form says nothing.
  const given = [...fields].filter(([, value]) => value !== "");
  const parsed = UploadFieldsSchema.safeParse(Object.fromEntries(given), { reportInput: true });
  if (!parsed.success) throw invalid(describeIssue(parsed.error.issues[0]));
  return parsed.data;
}

/** A JSON array of containers, or one bare name. */
function tagList(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const value = text.trimStart().startsWith("[") ? jsonOf("containerTags", text) : [text];
  if (Array.isArray(value)) {
    const parsed = value.map((tag) => ContainerTagSchema.safeParse(tag));
    if (parsed.every((tag) => tag.success)) return parsed.map((tag) => tag.data);
  }
  throw invalid("containerTags: expected a list of container tags");
}

function metadataOf(text: string | undefined) {
  if (text === undefined) return undefined;
  const parsed = MetadataPatchSchema.safeParse(jsonOf("metadata", text), { reportInput: true });
  if (!parsed.success) throw invalid(`metadata.${describeIssue(parsed.error.issues[0])}`);
  return parsed.data;
}

function jsonOf(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw invalid(`${name}: not JSON`);
    throw error;
  }
}
