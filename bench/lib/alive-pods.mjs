/** A run that has many pods alive at once, and what its supervisor took for that (Linux). */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './spawned.mjs'

const ticksPerSecond = 100

const tasks = `import { delay, task } from 'cowait'
const wait = task(async () => await delay('1h'))
export const alive = task(async ({ count }) => {
  const runs = Array.from({ length: count }, () => wait())
  for (const run of runs) run.catch(() => {})
  await Promise.all(runs.map((run) => run.ready))
  await Promise.all(runs.map((run) => run.cancel()))
})
`

const known = new Map()

/** The pods below one that starts them. Measured once for each number: two benchmarks may ask for the same. */
export function alivePods(count) {
  if (!known.has(count)) known.set(count, measure(count))
  return known.get(count)
}

async function measure(count) {
  const folder = mkdtempSync(join(tmpdir(), 'cowait-bench-'))
  try {
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(root, join(folder, 'node_modules/cowait'))
    writeFileSync(join(folder, 'package.json'), '{"name":"small","type":"module"}')
    writeFileSync(join(folder, 'pods.mjs'), tasks)
    const options = ['--engine', 'kubernetes', '--concurrency', String(count + 1), '--no-record', '-q']
    const child = spawn(process.execPath, [join(root, 'dist/cli.js'), 'run', 'pods:alive', '-i', `count=${count}`, ...options], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    let peakMiB = 0
    let cpuSeconds = 0
    const watch = setInterval(() => {
      const { status, stat } = readProcess(child.pid)
      peakMiB = Math.max(peakMiB, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024)
      // After the name, which may hold anything.
      const [, user = 0, system = 0] = /\) (?:\S+ ){11}(\d+) (\d+)/.exec(stat) ?? []
      cpuSeconds = Math.max(cpuSeconds, (Number(user) + Number(system)) / ticksPerSecond)
    }, 50)
    const [code] = await once(child, 'close')
    clearInterval(watch)
    if (code !== 0) throw new Error(`The run of ${count} pods ended with exit code ${code}.`)
    return { peakMiB, cpuSeconds }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function readProcess(pid) {
  try {
    return { status: readFileSync(`/proc/${pid}/status`, 'utf8'), stat: readFileSync(`/proc/${pid}/stat`, 'latin1') }
  } catch {
    return { status: '', stat: '' }
  }
}
