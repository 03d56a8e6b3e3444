import { FIELD_MANAGERS } from "../api/cluster-names.ts";
import { knativeParsers, type ObservabilitySettings } from "../api/knative-config.ts";
import type { Logger } from "../runtime/logger.ts";
import { ProgramSettings } from "../runtime/program-settings.ts";
import type { World } from "./world.ts";

/** Is what Knative's ConfigMaps say to the controller itself. */
export type OwnSettings = ProgramSettings<ObservabilitySettings>;

/** Makes the controller's own settings, every default at first. */
export function ownSettings(options: { log: Logger; isLevelGiven: boolean }): OwnSettings {
  return new ProgramSettings({ ...options, parsers: knativeParsers(FIELD_MANAGERS.controller) });
}

/** Has them follow the ConfigMaps; one that is gone says nothing. */
export function followKnative(settings: OwnSettings, configs: World["systemConfigs"]): void {
  configs.get("config-logging").reflector.onChange((_, after) => {
    void settings.takeLogging(() => after?.data ?? {});
  });
  configs.get("config-observability").reflector.onChange((_, after) => {
    void settings.takeObservability(() => after?.data ?? {});
  });
}
