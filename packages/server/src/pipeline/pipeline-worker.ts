/** The pipeline's worker: reads files and long texts where a hostile one harms nobody else. */
import { serveCalls } from "../workers/serve-calls.ts";
import { doWork, type WorkInput } from "./pipeline-work.ts";

serveCalls((input) => doWork(input as WorkInput));
