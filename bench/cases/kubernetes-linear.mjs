/** Milliseconds of processor time that the supervisor takes for a pod: one of 200 against one of 20, without what the first one takes. */
import { alivePods } from '../lib/alive-pods.mjs'
import { withoutKubernetes } from '../lib/raw-kubernetes.mjs'

export const name = 'kubernetes-linear'
export const goal = 1.25
export const rounds = 1
export const warmUps = 0
export const without = withoutKubernetes

async function perPod(count) {
  const first = await alivePods(1)
  const all = await alivePods(count)
  return ((all.cpuSeconds - first.cpuSeconds) / (count - 1)) * 1000
}

export const floor = () => perPod(20)
export const subject = () => perPod(200)
