/** The routes of the contract, by name. docs/http-api.md says what each one means. */
import { type DocumentRoutes, documentRoutes } from "./routes-documents.ts";
import { type ExtensionRoutes, extensionRoutes } from "./routes-extensions.ts";

export interface Routes extends DocumentRoutes, ExtensionRoutes {}

export const routes: Routes = { ...documentRoutes, ...extensionRoutes };
