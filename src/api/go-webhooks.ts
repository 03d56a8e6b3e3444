const SUFFIX = ".webhook.nats.messaging.knative.dev";

/** Is a configuration of admission webhooks, as far as its names say whose it is. */
export interface NamedWebhooks {
  metadata?: { name?: string };
  webhooks?: { name: string }[];
}

/** Lists the commands that remove the admission webhooks of the Go implementation; none where they are gone. */
export function goWebhookCommands(known: {
  validating: Iterable<NamedWebhooks>;
  mutating: Iterable<NamedWebhooks>;
}): string[] {
  return [
    ...commandsFor("validatingwebhookconfiguration", known.validating),
    ...commandsFor("mutatingwebhookconfiguration", known.mutating),
  ];
}

function commandsFor(type: string, configurations: Iterable<NamedWebhooks>): string[] {
  return [...configurations]
    .filter(isGos)
    .map(({ metadata }) => `kubectl delete ${type} ${metadata?.name}`)
    .sort();
}

function isGos({ metadata, webhooks = [] }: NamedWebhooks): boolean {
  const names = [metadata?.name, ...webhooks.map(({ name }) => name)];
  return names.some((name) => name?.endsWith(SUFFIX));
}
