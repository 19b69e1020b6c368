import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './spawned.mjs'

/** One run that makes so many calls at width 8. */
export function manyCalls(calls) {
  return peakOf('bench/tasks/many.mjs', ['--engine', 'process', '--concurrency', '8', '-i', `calls=${calls}`])
}

/** One run, with its time. `peakMiB` is the most memory that the supervisor's process held (Linux). */
export async function peakOf(task, options) {
  const started = performance.now()
  const child = spawn(process.execPath, ['dist/cli.js', 'run', task, ...options], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let printed = ''
  child.stderr.setEncoding('utf8').on('data', (text) => (printed = (printed + text).slice(-10_000)))
  let peakMiB = 0
  const watch = setInterval(() => (peakMiB = Math.max(peakMiB, highWaterMiB(child.pid))), 100)
  const [code] = await once(child, 'close')
  clearInterval(watch)
  if (code !== 0) throw new Error(`The run of ${task} ended with exit code ${code}.\n${printed}`)
  return { ms: performance.now() - started, peakMiB }
}

function highWaterMiB(pid) {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(join('/proc', String(pid), 'status'), 'utf8'))?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}
