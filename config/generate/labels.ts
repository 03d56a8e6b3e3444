/** Marks every object of ours, as Kubernetes recommends it. */
export const RECOMMENDED_LABELS = {
  "app.kubernetes.io/name": "jetstream-channel",
  "app.kubernetes.io/part-of": "knative-eventing",
};
