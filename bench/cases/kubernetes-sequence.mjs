/** Ten calls of a script, one after the other, against as many pods that say one thing and are deleted. */
import { callPod, withoutKubernetes } from '../lib/raw-kubernetes.mjs'
import { measureCalls } from '../lib/small-project.mjs'

const calls = 10

export const name = 'kubernetes-sequence'
export const goal = 1.25
export const rounds = 3
export const warmUps = 1
export const without = withoutKubernetes

export async function floor() {
  const started = performance.now()
  for (let i = 0; i < calls; i++) await callPod()
  return performance.now() - started
}

export const subject = () => measureCalls('kubernetes', `for (let i = 0; i < ${calls}; i++) await answer()`)
