/** Signals by which a person or a service manager ends a process. */

/** Resolves with the first SIGINT, SIGTERM or SIGHUP. */
export function onceSignalled(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
    const listener = (signal: NodeJS.Signals) => {
      for (const name of names) process.off(name, listener);
      resolve(signal);
    };
    for (const name of names) process.on(name, listener);
  });
}
