/** The grammar of `smfs serve` and `smfs server`. */
import { type Command, Option } from "commander";
import type { CheckFlags, RestoreFlags } from "./commands/server-backup.ts";
import type { CreateKeyFlags, ListKeysFlags } from "./commands/server-keys.ts";
import type { ServerStatusFlags } from "./commands/server-status.ts";
import { keyLifeDaysMax } from "./limits.ts";
import { lifetime, type Run, wholeNumber, withServer } from "./program-options.ts";
import type { ServerConfigFlags } from "./server-config.ts";
import type { DataFlags } from "./server-data.ts";

export function addServe(program: Command, run: Run): void {
  program
    .command("serve")
    .description("run the memory server in the foreground")
    .option("--config <file>", "settings (default: server.json in the configuration directory)")
    .option("--host <address>", "address to listen on (default: 127.0.0.1, this machine alone)")
    .option("--port <n>", "port (default: 6767; 0 for any)", wholeNumber(0, 65_535))
    .option("--data <dir>", "where documents are kept (default: those of the embedded server)")
    .option(
      "--key-file <file>",
      "file with the key that clients must give (default: a generated one)",
    )
    .option("--key <key>", "the key itself (a file is safer: others can see a command line)")
    .addOption(
      new Option(
        "--auth <mode>",
        "who needs a key: everybody (key), or not programs on this machine (loopback); default: key",
      ).choices(["key", "loopback"]),
    )
    .option("--tls-cert <file>", "certificate, with its chain, in PEM form")
    .option("--tls-key <file>", "the certificate's private key, in PEM form")
    .option("--allow-http", "let other machines in without TLS: for a proxy in front that has it")
    .option("--public-url <url>", "how clients reach it through that proxy")
    .option(
      "--embedder <name|url>",
      "what sharpens the index: auto, static, minilm, or an OpenAI-compatible endpoint",
    )
    .option("--embedder-model <name>", "model at that endpoint")
    .option("--embedder-key-file <file>", "file with the key of that endpoint")
    .addOption(
      new Option("--log-level <level>", "how much is logged (default: info)").choices([
        "debug",
        "info",
        "warn",
        "error",
      ]),
    )
    .option("--log-file <file>", "log into this file, too")
    .action((options: ServerConfigFlags) =>
      run(async (context) => (await import("./commands/serve.ts")).serveCommand(context, options)),
    );
}

export function addServer(program: Command, run: Run): void {
  const server = program
    .command("server")
    .description("operate a memory server: its keys, copies of its data, its state");
  addCopies(server, run);
  addKeys(server.command("keys").description("keys that may do less than the full one"), run);
  withServer(server.command("status").description("where the server is, and how far its index is"))
    .option("--json", "for programs")
    .action((flags: ServerStatusFlags) =>
      run(async (context) =>
        (await import("./commands/server-status.ts")).serverStatusCommand(context, flags),
      ),
    );
  server
    .command("stop")
    .description("end this machine's own server; the next mount starts it again")
    .action(() =>
      run(async (context) => (await import("./commands/server-stop.ts")).stopCommand(context)),
    );
  server
    .command("restart")
    .description("end this machine's own server and start it, with the settings as they are now")
    .action(() =>
      run(async (context) => (await import("./commands/server-stop.ts")).restartCommand(context)),
    );
}

/** Options that say which data is meant. */
function withData(command: Command): Command {
  return command
    .option("--data <dir>", "the server's data (default: that of this machine's own)")
    .option("--config <file>", "the server's settings, which name its data");
}

function addCopies(server: Command, run: Run): void {
  const commands = () => import("./commands/server-backup.ts");
  withData(
    server
      .command("backup")
      .argument("<dir>", "directory for the copy, empty or not there yet")
      .description("copy the data as of one moment, whether a server runs on it or not"),
  ).action((directory: string, flags: DataFlags) =>
    run(async (context) => (await commands()).backupCommand(context, directory, flags)),
  );
  withData(
    server
      .command("restore")
      .argument("<dir>", "the copy")
      .description("put a copy back, after checking it"),
  )
    .option("--replace", "move what is there aside; this machine's own server is ended for it")
    .option("--force", "also when the copy is damaged")
    .action((directory: string, flags: RestoreFlags) =>
      run(async (context) => (await commands()).restoreCommand(context, directory, flags)),
    );
  withData(
    server
      .command("check")
      .description("read everything and tell what is damaged, whether a server runs or not"),
  )
    .option("--json", "for programs")
    .action((flags: CheckFlags) =>
      run(async (context) => (await commands()).checkCommand(context, flags)),
    );
}

/** Values of an option that may be given more than once. */
function gather(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function addKeys(keys: Command, run: Run): void {
  const commands = () => import("./commands/server-keys.ts");
  withData(
    keys
      .command("create")
      .argument("<name>", "what the key is for")
      .description("make a key and show it, this once"),
  )
    .option("--read-only", "let it change nothing")
    .option("--strict", "let it change documents only under a condition (If-Match)")
    .option("--container <name>", "only this container; may be given again (default: all)", gather)
    .option("--path <dir>", "only what is below this directory")
    .option(
      "--expires <time>",
      "until then: 12h, 30d, 8w (default: no end)",
      lifetime(keyLifeDaysMax),
    )
    .option("--out <file>", "write the key to a file of yours instead of showing it")
    .option("--json", "for programs")
    .action((name: string, flags: CreateKeyFlags) =>
      run(async (context) => (await commands()).createKeyCommand(context, name, flags)),
    );
  withData(
    keys.command("list").description("the keys there are, with their ids and what they may do"),
  )
    .option("--json", "for programs")
    .action((flags: ListKeysFlags) =>
      run(async (context) => (await commands()).listKeysCommand(context, flags)),
    );
  withData(
    keys
      .command("revoke")
      .argument("<id>", "the key's id")
      .description("end a key: its next request is refused"),
  ).action((id: string, flags: DataFlags) =>
    run(async (context) => (await commands()).revokeKeyCommand(context, id, flags)),
  );
}
