// Runs before npm installs anything: names what the native build needs and where it is to be had, because
// the compiler's own error would come after a minute and bury it.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const found = (command) => spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
const missing = [];

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  missing.push(
    `Node.js 20.19 or newer (this is ${process.versions.node}): https://nodejs.org/en/download`,
  );
}
if (!found("python3")) missing.push("python3: apt-get install python3, or brew install python");
if (!found("c++") && !found("g++") && !found("clang++")) {
  missing.push("a C++ compiler: apt-get install g++ make, or xcode-select --install");
}
if (!found("make")) missing.push("make: apt-get install make, or xcode-select --install");

if (missing.length > 0) {
  process.stderr.write(`smfs needs, to build its SQLite binding:\n  - ${missing.join("\n  - ")}\n`);
  process.exit(1);
}
if (!existsSync("/usr/include/node/node.h") && process.platform === "linux") {
  process.stderr.write(
    "smfs: no Node headers under /usr/include/node; npm will fetch them (apt-get install libnode-dev has them too).\n",
  );
}
process.stderr.write(
  "smfs: installing; the SQLite binding is compiled here, which takes about a minute.\n",
);
