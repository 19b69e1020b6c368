/**
 * Ten calls of a script, one after the other, against as many pods that say one thing and are deleted; `least` are pods with the rights of
 * workers.
 */
import { callClosedPod, callPod, withoutKubernetes } from '../lib/raw-kubernetes.mjs'
import { measureCalls } from '../lib/small-project.mjs'

const calls = 10

export const name = 'kubernetes-sequence'
export const goal = 1.25
export const rounds = 3
export const warmUps = 1
export const without = withoutKubernetes

export const floor = () => inSequence(callPod)
export const least = () => inSequence(callClosedPod)

async function inSequence(call) {
  const started = performance.now()
  for (let i = 0; i < calls; i++) await call()
  return performance.now() - started
}

export const subject = () => measureCalls('kubernetes', `for (let i = 0; i < ${calls}; i++) await answer()`)
