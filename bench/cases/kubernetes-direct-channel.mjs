/** Sixty-four megabytes from a worker, from the first byte to the last: straight from the pod, and through the API server. */
import { join } from 'node:path'
import { openKubernetesEngine } from '../lib/kubernetes-engine.mjs'
import { withoutPods } from '../lib/reachable-pods.mjs'
import { root } from '../lib/spawned.mjs'

const size = 64 << 20

export const name = 'kubernetes-direct-channel'
export const goal = 0.8
export const rounds = 5
export const without = withoutPods

let engines

export async function open() {
  const flood = join(root, 'bench/tasks/flood')
  const [forward, direct] = await Promise.all(['forward', 'direct'].map((channel) => openKubernetesEngine(flood, { channel })))
  engines = { forward, direct }
}

export const close = () => Promise.all(Object.values(engines).map((engine) => engine.close()))

async function measure(engine) {
  const worker = await engine.start()
  let received = 0
  let first
  for await (const chunk of worker.channel) {
    first ??= performance.now()
    received += chunk.length
  }
  const ms = performance.now() - first
  if (received !== size) throw new Error(`${received} bytes came instead of ${size}.`)
  await engine.remove(worker.id)
  return ms
}

export const floor = () => measure(engines.forward)
export const subject = () => measure(engines.direct)
