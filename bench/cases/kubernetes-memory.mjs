/** The most memory of the supervisor's process while 200 pods are alive, against what it may take. */
import { alivePods } from '../lib/alive-pods.mjs'
import { withoutKubernetes } from '../lib/raw-kubernetes.mjs'

export const name = 'kubernetes-memory'
export const goal = 1
export const unit = 'MiB'
export const rounds = 1
export const warmUps = 0
export const without = withoutKubernetes

export async function floor() {
  return 200
}

export async function subject() {
  return (await alivePods(200)).peakMiB
}
