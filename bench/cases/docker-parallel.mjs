/**
 * What the example takes beyond its five seconds of work, against two containers, one after the other. `least` is one and then two at once,
 * with the rights and the network of workers, from nothing to nothing.
 */
import { join } from 'node:path'
import { startIsolated, startNode, withIsolatedNetwork, withoutDocker } from '../lib/raw-docker.mjs'
import { command, root } from '../lib/spawned.mjs'

export const name = 'docker-parallel'
export const goal = 1.4
export const rounds = 5
export const warmUps = 1
export const without = withoutDocker

export async function floor() {
  const started = performance.now()
  for (let i = 0; i < 2; i++) await (await startNode()).gone
  return performance.now() - started
}

export async function least() {
  const started = performance.now()
  await withIsolatedNetwork(async (network) => {
    const root = await startIsolated(network)
    const both = await Promise.all([startIsolated(network), startIsolated(network)])
    await Promise.all([root, ...both].map(({ gone }) => gone))
  })
  return performance.now() - started
}

const run = command([process.execPath, '../dist/cli.js', 'run', 'parallel', '--engine', 'docker'], { cwd: join(root, 'examples') })

export async function subject() {
  return (await run()) - 5000
}
