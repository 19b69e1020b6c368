import { withoutKubernetes } from './raw-kubernetes.mjs'

/** Why pods cannot be spoken to at their own addresses from here, if so. */
export function withoutPods() {
  return (
    withoutKubernetes() ?? (process.env.TEST_CLUSTER ? undefined : 'TEST_CLUSTER is not set; "bash scripts/test-cluster/run.sh" sets it')
  )
}
