import { readFileSync } from 'node:fs'
import { join, task } from 'cowait'
import { answer } from './answer.mjs'

/** How much more memory this worker held at most for a `join` of so many calls, and its own processor's time for it. */
export const joined = task(async ({ calls }) => {
  const before = mostMiB()
  const started = process.cpuUsage()
  await join(Array.from({ length: calls }, () => answer()))
  const { user, system } = process.cpuUsage(started)
  return { ms: (user + system) / 1_000, grownMiB: mostMiB() - before }
})

/** Linux only. */
function mostMiB() {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024
}
