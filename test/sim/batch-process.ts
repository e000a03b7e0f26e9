/** One process of the simulator: does the jobs it is given, one after another, until nobody gives any more. */
import { type Job, runJob } from "./batch-jobs.ts";

process.on("message", (job: Job) => {
  runJob(job).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String((error as Error).stack ?? error) }),
  );
});
process.on("disconnect", () => process.exit());
