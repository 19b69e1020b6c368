/** Sixty-four megabytes from a worker through its channel, from the first byte to the last, and through a bare attach stream. */
import { join } from 'node:path'
import { openDockerEngine } from '../lib/docker-engine.mjs'
import { startContainer, withoutDocker } from '../lib/raw-docker.mjs'
import { root } from '../lib/spawned.mjs'

const size = 64 << 20
const program = 'const part = Buffer.alloc(1 << 20); for (let i = 0; i < 64; i++) require("fs").writeSync(1, part)'

export const name = 'docker-channel'
// Six tenths as fast.
export const goal = 1.67
export const rounds = 5
export const without = withoutDocker

let engine

export async function open() {
  engine = await openDockerEngine(join(root, 'bench/tasks/flood'))
}

export const close = () => engine.close()

function stopwatch() {
  let received = 0
  let first
  let ms = 0
  return {
    take(count) {
      first ??= performance.now()
      received += count
      ms = performance.now() - first
    },
    read() {
      if (received !== size) throw new Error(`${received} bytes came instead of ${size}.`)
      return ms
    },
  }
}

export async function floor() {
  const watch = stopwatch()
  const { gone } = await startContainer(['node', '-e', program], watch.take)
  await gone
  return watch.read()
}

export async function subject() {
  const watch = stopwatch()
  const worker = await engine.start()
  for await (const chunk of worker.channel) watch.take(chunk.length)
  await engine.remove(worker.id)
  return watch.read()
}
