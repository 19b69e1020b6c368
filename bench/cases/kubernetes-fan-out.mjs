/**
 * Fifty calls of a script at once, against as many pods at the same width; `least` are pods with the rights of workers, in which a Node
 * guards another.
 */
import { availableParallelism } from 'node:os'
import { gate } from '../lib/raw-docker.mjs'
import { callClosedPod, callPod, withoutKubernetes } from '../lib/raw-kubernetes.mjs'
import { measureCalls } from '../lib/small-project.mjs'

const calls = 50

export const name = 'kubernetes-fan-out'
export const goal = 1.25
export const rounds = 3
export const warmUps = 1
export const without = withoutKubernetes

export const floor = () => atOnce(callPod)
export const least = () => atOnce(callClosedPod)

async function atOnce(call) {
  const alive = gate(Math.max(4, availableParallelism() * 4))
  const started = performance.now()
  await Promise.all(Array.from({ length: calls }, () => alive(() => call())))
  return performance.now() - started
}

export const subject = () => measureCalls('kubernetes', `await Promise.all(Array.from({ length: ${calls} }, () => answer()))`)
