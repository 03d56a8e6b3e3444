/**
 * Loaded into a dispatcher before its program (`--import`): each SIGUSR2 logs what keeps the process busy, by kind: timers,
 * sockets, requests; and the listeners of the process itself. Warnings, such as of too many listeners, are logged at once.
 */
process.on("SIGUSR2", () => {
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const listeners = process
    .eventNames()
    .reduce((sum, name) => sum + process.listenerCount(name as string), 0);
  print({ msg: "resources", resources, listeners });
});
process.on("warning", (warning) => print({ msg: "warning of node", warning: String(warning) }));

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
