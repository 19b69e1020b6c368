/**
 * Twenty calls of a script, one after the other, against as many containers that say one thing; `least` are containers with the rights and
 * the network of workers.
 */
import { startIsolated, startNode, withIsolatedNetwork, withoutDocker } from '../lib/raw-docker.mjs'
import { answer } from '../tasks/answer.mjs'

const calls = 20

export const name = 'docker-sequence'
export const goal = 1.15
export const rounds = 3
export const warmUps = 1
export const without = withoutDocker

export const floor = () => inSequence(() => startNode())

export const least = () => withIsolatedNetwork((network) => inSequence(() => startIsolated(network)))

async function inSequence(start) {
  const started = performance.now()
  const gone = []
  for (let i = 0; i < calls; i++) gone.push((await start()).gone)
  const ms = performance.now() - started
  await Promise.all(gone)
  return ms
}

export async function subject() {
  const started = performance.now()
  for (let i = 0; i < calls; i++) await answer.with({ engine: 'docker' })()
  return performance.now() - started
}
