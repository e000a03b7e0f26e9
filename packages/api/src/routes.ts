/** The routes of the contract, by name. docs/http-api.md says what each one means. */
import { type ContainerRoutes, containerRoutes } from "./routes-containers.ts";
import { type DocumentRoutes, documentRoutes } from "./routes-documents.ts";
import { type ExtensionRoutes, extensionRoutes } from "./routes-extensions.ts";
import { type MemoryRoutes, memoryRoutes } from "./routes-memories.ts";

export interface Routes extends DocumentRoutes, ContainerRoutes, MemoryRoutes, ExtensionRoutes {}

// A path with a fixed segment comes before one that has a parameter in its place: the first that fits is taken.
export const routes: Routes = {
  ...containerRoutes,
  ...documentRoutes,
  ...memoryRoutes,
  ...extensionRoutes,
};
