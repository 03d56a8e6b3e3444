import { z } from "zod";
import { NatsJetStreamChannel } from "../../src/api/channel.ts";
import { API_VERSION, KIND } from "../../src/api/names.ts";
import { RECOMMENDED_LABELS } from "./labels.ts";
import { type Schema, shapeOf, structuralSchema } from "./structural-schema.ts";

const PLURAL = `${KIND.toLowerCase()}s`;
const [GROUP = "", VERSION = ""] = API_VERSION.split("/");

/** Makes the CustomResourceDefinition of channels out of the zod schema. */
export function channelCrd() {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${PLURAL}.${GROUP}`,
      labels: {
        ...RECOMMENDED_LABELS,
        "knative.dev/crd-install": "true",
        // Knative's controllers find channels, and who has an address, by these.
        "messaging.knative.dev/subscribable": "true",
        "duck.knative.dev/addressable": "true",
      },
    },
    spec: {
      group: GROUP,
      scope: "Namespaced",
      names: {
        kind: KIND,
        plural: PLURAL,
        singular: KIND.toLowerCase(),
        shortNames: ["natsjsmc"],
        categories: ["all", "knative", "messaging", "channel"],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: PRINTER_COLUMNS,
          schema: { openAPIV3Schema: channelSchema() },
        },
      ],
    },
  };
}

const PRINTER_COLUMNS = [
  { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: "Reason", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
  { name: "URL", type: "string", jsonPath: ".status.address.url" },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  { name: "Stream", type: "string", jsonPath: ".status.stream.name", priority: 1 },
];

function channelSchema(): Schema {
  const json = z.toJSONSchema(NatsJetStreamChannel, {
    target: "openapi-3.0",
    io: "input",
    unrepresentable: "any",
  });
  const { required: _, ...schema } = structuralSchema(json as Schema);
  const { spec, status } = schema.properties ?? {};
  return {
    ...schema,
    properties: {
      apiVersion: { type: "string", description: "Group and version of the API." },
      kind: { type: "string", description: "Kind of the object." },
      // Checked by Kubernetes itself; the name is here so that a rule can point to it.
      metadata: { type: "object", properties: { name: { type: "string" } } },
      spec: withShapeOnly(spec, "subscribers"),
      ...(status && { status }),
    },
  };
}

/** Knative writes the list as a whole: a subscriber that cannot be served is refused alone, by the dispatcher. */
function withShapeOnly(schema: Schema = {}, name: string): Schema {
  const child = schema.properties?.[name];
  if (child === undefined) throw new Error(`the schema of a channel has no spec.${name}`);
  return { ...schema, properties: { ...schema.properties, [name]: shapeOf(child) } };
}
