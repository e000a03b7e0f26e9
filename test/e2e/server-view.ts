/** What the server holds, asked over HTTP as any client would: raw bytes by id. */
import { digest, type Tree } from "./trees.ts";

/** Who can ask the server: a device that has its key. */
export interface Asking {
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

interface Listed {
  readonly id: string;
  readonly filepath: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

const pageMax = 1000;
const parallel = 16;

/** Every document of a container with a path. */
export async function listDocuments(device: Asking, container: string): Promise<Listed[]> {
  const all: Listed[] = [];
  for (let page = 1; ; page += 1) {
    const response = await device.fetch("/v3/documents/list", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ containerTags: [container], limit: pageMax, page }),
    });
    const body = (await response.json()) as {
      memories: Listed[];
      pagination: { totalPages: number };
    };
    all.push(...body.memories);
    if (page >= body.pagination.totalPages) return all;
  }
}

/** The container as a tree, each file by the digest of its raw download. Markers of directories are left out. */
export async function serverTree(device: Asking, container: string): Promise<Tree> {
  const documents = await listDocuments(device, container);
  const tree = new Map<string, string>();
  const files = documents.filter(({ metadata }) => metadata?.sfs_kind !== "dir");
  for (let from = 0; from < files.length; from += parallel) {
    await Promise.all(
      files.slice(from, from + parallel).map(async ({ id, filepath, metadata }) => {
        const path = (filepath ?? `/${id}.md`).slice(1);
        if (metadata?.sfs_kind === "symlink") {
          tree.set(path, `-> ${String(metadata.sfs_target)}`);
          return;
        }
        const raw = await device.fetch(`/ext/v1/documents/${id}/raw`);
        tree.set(path, digest(new Uint8Array(await raw.arrayBuffer())));
      }),
    );
  }
  return tree;
}
