import { defineConfig } from "vitest/config";

// Four kinds of tests, told apart by folder: a run can ask for one with --project.
const source = {
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
};

// A machine that cannot mount fails the mount tests, unless it is said on purpose that there is no FUSE.
const mountFolders =
  process.env.SMFS_TEST_WITHOUT === "fuse" ? [] : ["mount", "posix", "torture", "e2e"];

export default defineConfig({
  test: {
    reporters: ["default", "./tools/count-reporter.ts"],
    projects: [
      {
        ...source,
        test: {
          name: "unit",
          include: ["packages/*/src/**/*.test.ts", "test/{losses,wire}/**/*.test.ts"],
          // No test is timed; a machine that others use, too, is only slow.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      { ...source, test: { name: "tidy", include: ["test/*.test.ts"], testTimeout: 60_000 } },
      {
        ...source,
        test: {
          name: "sim",
          include: ["test/{sim,hosted-model}/**/*.test.ts"],
          testTimeout: 600_000,
        },
      },
      {
        ...source,
        test: {
          name: "mount",
          include: [...mountFolders, "server"].map((folder) => `test/${folder}/**/*.test.ts`),
          testTimeout: 300_000,
          hookTimeout: 120_000,
          // Mounts and daemons are heavy and share two cores: one file at a time.
          fileParallelism: false,
        },
      },
    ],
  },
});
