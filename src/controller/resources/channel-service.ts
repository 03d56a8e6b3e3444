import {
  CHANNEL_SERVICE_LABEL,
  DISPATCHER_NAME,
  FIELD_MANAGERS,
  MANAGED_BY_LABEL,
} from "../../api/cluster-names.ts";
import { API_VERSION, channelServiceNameFor, KIND } from "../../api/names.ts";
import type { Service } from "../../kube/objects.ts";

/** Makes the Service that is a channel's address: another name for its dispatcher, which goes with the channel. */
export function channelService(options: {
  channel: { namespace: string; name: string; uid: string };
  dispatcherNamespace: string;
  clusterDomain: string;
}): Service {
  const { channel, dispatcherNamespace, clusterDomain } = options;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: channelServiceNameFor(channel.name),
      namespace: channel.namespace,
      labels: {
        [CHANNEL_SERVICE_LABEL.key]: CHANNEL_SERVICE_LABEL.value,
        [MANAGED_BY_LABEL]: FIELD_MANAGERS.controller,
      },
      ownerReferences: [
        {
          apiVersion: API_VERSION,
          kind: KIND,
          name: channel.name,
          uid: channel.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      type: "ExternalName",
      externalName: `${DISPATCHER_NAME}.${dispatcherNamespace}.svc.${clusterDomain}`,
      // Service meshes route to no port that is not listed.
      ports: [{ name: "http", port: 80, protocol: "TCP", targetPort: 80 }],
      sessionAffinity: "None",
    },
  };
}
