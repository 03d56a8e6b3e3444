import type { ClusterRule } from "./cluster-rules.ts";

const CONFIG = "spec.stream.config";
const STORAGE = `${CONFIG}.storage`;
const RETENTION = `${CONFIG}.retention`;
const MIRROR = `${CONFIG}.mirror`;
const STATUS_STORAGE = "status.stream.storage";
const STATUS_RETENTION = "status.stream.retention";
const TAKES_ANOTHER = `!${isSame("spec.stream.overrideName")}`;
const INSTEAD = "give another spec.stream.overrideName with it, or create another channel";

/**
 * What the API server checks on a channel as a whole. These rules run at every write of the object, so each holds by itself where nothing
 * changes: no old object may become one whose finalizer cannot be removed.
 *
 * What a stream has been made with cannot be edited, since NATS cannot change it. It can together with the stream's name, which is to take
 * another stream. And where an edit was taken that never took effect (the Go implementation refused none), it can be taken back: what the
 * status says of the stream is allowed, too.
 */
export const CHANNEL_RULES: readonly ClusterRule[] = [
  {
    rule: "oldSelf.hasValue() || size(self.metadata.name) <= 63 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    message: 'a DNS-1035 label (a-z, 0-9, "-", a letter first, at most 63 characters) expected',
    fieldPath: ".metadata.name",
    optionalOldSelf: true,
  },
  {
    rule: `${TAKES_ANOTHER} || ${is("self", STORAGE, "memory")} == ${is("oldSelf", STORAGE, "memory")} || ${exists("self", STATUS_STORAGE)} && ${is("self", STORAGE, "memory")} == ${is("self", STATUS_STORAGE, "memory")}`,
    message: `cannot change: NATS cannot change the storage of an existing stream; ${INSTEAD}`,
    fieldPath: `.${STORAGE}`,
  },
  {
    rule: `${TAKES_ANOTHER} || ${is("self", RETENTION, "work")} == ${is("oldSelf", RETENTION, "work")} || ${exists("self", STATUS_RETENTION)} && ${is("self", RETENTION, "work")} == ${is("self", STATUS_RETENTION, "workqueue")}`,
    message: `cannot change to or from Work: NATS cannot do so with an existing stream; ${INSTEAD}`,
    fieldPath: `.${RETENTION}`,
  },
  {
    rule: `${TAKES_ANOTHER} || ${isSame(MIRROR)}`,
    message: `cannot be added, changed or removed: NATS cannot do so with an existing stream; ${INSTEAD}`,
    fieldPath: `.${MIRROR}`,
  },
  ...["denyDelete", "denyPurge"]
    .map((name) => `${CONFIG}.${name}`)
    .map((path) => ({
      rule: `${TAKES_ANOTHER} || !${isOn("oldSelf", path)} || ${isOn("self", path)}`,
      message: `cannot be turned off: NATS cannot do so with an existing stream; ${INSTEAD}`,
      fieldPath: `.${path}`,
    })),
];

/** Gives CEL that says whether every part of a path is there. */
function exists(object: string, path: string): string {
  const names = path.split(".");
  const parts = names.map((_, index) => `has(${object}.${names.slice(0, index + 1).join(".")})`);
  return `(${parts.join(" && ")})`;
}

function isSame(path: string): string {
  return `(${exists("self", path)} ? ${exists("oldSelf", path)} && self.${path} == oldSelf.${path} : !${exists("oldSelf", path)})`;
}

function is(object: string, path: string, word: string): string {
  return `(${exists(object, path)} && ${object}.${path}.lowerAscii() == '${word}')`;
}

function isOn(object: string, path: string): string {
  return `(${exists(object, path)} && ${object}.${path})`;
}
