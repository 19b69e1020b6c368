/**
 * Fifty calls of a script at once, against as many containers at the same width, of which as many start at once; `least` are containers
 * with the rights and the network of workers.
 */
import { availableParallelism } from 'node:os'
import { gate, startIsolated, startNode, withIsolatedNetwork, withoutDocker } from '../lib/raw-docker.mjs'
import { answer } from '../tasks/answer.mjs'

const calls = 50
const cores = availableParallelism()

export const name = 'docker-fan-out'
export const goal = 1.15
export const rounds = 3
export const warmUps = 1
export const without = withoutDocker

export const floor = () => atOnce(startNode)

export const least = () => withIsolatedNetwork((network) => atOnce((starting) => startIsolated(network, starting)))

async function atOnce(start) {
  const [alive, starting] = [gate(Math.max(4, cores * 4)), gate(Math.max(2, cores * 2))]
  const started = performance.now()
  await Promise.all(Array.from({ length: calls }, () => alive(async () => (await start(starting)).gone)))
  return performance.now() - started
}

export async function subject() {
  const started = performance.now()
  await Promise.all(Array.from({ length: calls }, () => answer.with({ engine: 'docker' })()))
  return performance.now() - started
}
