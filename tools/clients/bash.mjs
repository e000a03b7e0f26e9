// @supermemory/bash: a shell whose files are documents.
import { createBash } from "@supermemory/bash";
import { apiKey, assert, baseURL, call } from "./calls.mjs";

const containerTag = "client_bash";
const open = () => createBash({ apiKey, baseURL, containerTag, cwd: "/" });
let shell;
await call("createBash", async () => {
  shell = await open();
});
/** Runs a command line and holds its output and exit code against what a shell gives. */
const runs = (line, stdout, exitCode = 0) =>
  call(`bash: ${line.split("\n")[0]}`, async () => {
    const result = await shell.bash.exec(line);
    assert.equal(result.exitCode, exitCode, `exit ${result.exitCode}: ${result.stderr}`);
    if (typeof stdout === "string") assert.equal(result.stdout, stdout);
    else if (stdout) assert.match(result.stdout, stdout);
  });

await runs("echo hello > /a.md && cat /a.md", "hello\n");
await runs("echo again >> /a.md && cat /a.md", "hello\nagain\n");
await runs("sed -i s/again/more/ /a.md && cat /a.md", "hello\nmore\n");
await runs("mkdir -p /work/deep && echo one > /work/deep/one.md && ls /work/deep", "one.md\n");
await runs(
  "cat > /work/auth.md <<'END'\n# Auth\n\nThe OAuth client refreshes its tokens every hour.\nEND\nwc -l < /work/auth.md",
  /3/,
);
await runs("cp /a.md /work/copy.md && cat /work/copy.md", "hello\nmore\n");
await runs("mv /work/copy.md /work/moved.md && ls /work", "auth.md\ndeep\nmoved.md\n");
await runs("cat /work/copy.md", undefined, 1);
// The client itself never replaces a file by moving another, and knows no times to set.
await runs("mv /work/moved.md /work/deep/one.md", undefined, 1);
await runs(
  "rm /work/deep/one.md && mv /work/moved.md /work/deep/one.md && cat /work/deep/one.md",
  "hello\nmore\n",
);
await runs(
  "mv /work/deep /work/depth && find /work -type f | sort",
  "/work/auth.md\n/work/depth/one.md\n",
);
await runs(": > /empty.md && cat /empty.md && stat -c %s /empty.md", "0\n");
await runs("echo 'größer, 日本語, 🎻' > /unicode.md && cat /unicode.md", "größer, 日本語, 🎻\n");
await runs("seq 1 100000 > /long.md && tail -1 /long.md && wc -c < /long.md", /100000\n\s*588895/);
await runs(
  "grep -rn refreshes /work",
  "/work/auth.md:3:The OAuth client refreshes its tokens every hour.\n",
);
await runs("sgrep 'when are credentials renewed' /work/", /auth\.md.*OAuth client refreshes/s);
await runs("sgrep oauth tokens", /auth\.md/);
await runs("echo file > /work", undefined, 1);
await runs("echo below > /a.md/b.md", undefined, 1);
await call("configureMemoryPaths", () => shell.configureMemoryPaths(["/work/", "/user.md"]));
await runs("echo '- Ada likes the violin' > /user.md && cat /profile.md", /violin/);
await runs("echo x > /profile.md", undefined, 1);
await call("another instance reads the files", async () => {
  const other = await open();
  const { stdout } = await other.bash.exec("cat /a.md && ls /");
  assert.equal(
    stdout,
    "hello\nmore\na.md\nempty.md\nlong.md\nprofile.md\nunicode.md\nuser.md\nwork\n",
  );
});
await call("refresh sees what another instance did", async () => {
  const other = await open();
  await other.bash.exec("echo new > /new.md && rm /empty.md && echo changed > /a.md");
  await shell.refresh();
  const { stdout } = await shell.bash.exec("cat /new.md; ls /");
  assert.match(stdout, /^new\n/);
  assert.doesNotMatch(stdout, /empty/);
});
await runs("rm /new.md && ls /", /^((?!new\.md).)*$/s);
await runs("rm -r /work && ls /work", undefined, 2);
