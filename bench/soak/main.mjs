/**
 * Many runs through one supervisor, and nothing grows: `npm run soak`.
 *
 *   --engine NAME    process (unless told), docker, or kubernetes with KUBECONFIG and kubectl
 *   --runs N         short calls; 10,000 unless told
 *   --minutes N      of mixed load after them; 30 unless told
 *   --width N        calls under way at once; 8 unless told
 *
 * On stdout, what this process, its supervisor included, holds at start, middle and end, and what lives of it outside; on stderr,
 * what the runs print. The exit code is 1 if anything has grown. Linux only.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { engine: { type: 'string' }, runs: { type: 'string' }, minutes: { type: 'string' }, width: { type: 'string' } },
})
const { engine = 'process', runs = '10000', minutes = '30', width = '8' } = values
process.env.COWAIT_ENGINE = engine
const { answer, mixed } = await import('./tasks.mjs')

/** What is no growth: pools of descriptors and pipes that breathe, and memory that V8 has not given back. */
const allowed = { descriptors: 8, memoryMiB: 64, processes: 0, objects: 0, timers: 2, listeners: 2, files: 20 }

const rows = []

await many(200, call)
await sample('start')
await many(Math.ceil(Number(runs) / 2), call)
await sample('middle')
await many(Math.floor(Number(runs) / 2), call)
await sample('end')
if (Number(minutes) > 0) {
  const half = (Number(minutes) * 60_000) / 2
  // Until then V8's young generations, two of 32 MiB, grow to what a mixed load needs.
  await mix(Math.min(half, 120_000))
  await sample('mixed, start')
  await mix(half)
  await sample('mixed, middle')
  await mix(half)
  await sample('mixed, end')
}

const grown = [
  ['start', 'end'],
  ['mixed, start', 'mixed, end'],
].flatMap(([from, to]) => {
  const [first, last] = [from, to].map((name) => rows.find((row) => row.name === name))
  if (!first || !last) return []
  return Object.keys(allowed).flatMap((what) =>
    last[what] - first[what] > allowed[what] ? [`${what}: ${first[what]} at "${from}", ${last[what]} at "${to}"`] : [],
  )
})
process.stdout.write(grown.length === 0 ? 'Nothing has grown.\n' : `Grown:\n${grown.join('\n')}\n`)
process.exitCode = grown.length === 0 ? 0 : 1

async function call(n) {
  const value = await answer({ value: n })
  if (value !== n) throw new Error(`run ${n} answered ${value}`)
}

/** `count` calls, as many at once as the width. */
async function many(count, work) {
  let next = 0
  await Promise.all(
    Array.from({ length: Number(width) }, async () => {
      while (next < count) await work(next++)
    }),
  )
}

async function mix(ms) {
  const until = performance.now() + ms
  let next = 0
  await Promise.all(
    Array.from({ length: Number(width) }, async () => {
      while (performance.now() < until) await mixed[next++ % mixed.length]()
    }),
  )
}

/** When everything is at rest: what is being removed is given 10 s. */
async function sample(name) {
  const deadline = performance.now() + 10_000
  while (workers().length + objects().length > 0 && performance.now() < deadline) await pause(100)
  await pause(1_000)
  globalThis.gc?.()
  const row = {
    name,
    descriptors: readdirSync('/proc/self/fd').length,
    memoryMiB: Math.round(process.memoryUsage.rss() / 1024 / 1024),
    processes: workers().length,
    objects: objects().length,
    timers: process.getActiveResourcesInfo().filter((resource) => /Timeout|Immediate/.test(resource)).length,
    listeners: process.eventNames().reduce((sum, event) => sum + process.listenerCount(event), 0),
    files: files().length,
  }
  rows.push(row)
  process.stdout.write(
    `${Object.entries(row)
      .map(([key, value]) => `${key} ${value}`)
      .join(', ')}\n`,
  )
}

/** Processes below this one, its guard and its pipes aside; and those that have left it but carry its supervisor's mark. */
function workers() {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false
    const environment = read(`/proc/${pid}/environ`)
    return (
      ownOwners().some((owner) => environment.includes(owner)) &&
      /worker|sleep 1000/.test(read(`/proc/${pid}/cmdline`).replaceAll('\0', ' '))
    )
  })
}

/** What the engine holds beside processes: containers, or pods and what is made with them. The lease of a tree stays as long as it. */
function objects() {
  const list = {
    docker: (owner) => ['docker', 'ps', '--all', '--quiet', '--filter', `label=cowait.owner=${owner}`],
    kubernetes: (owner) => ['kubectl', 'get', 'pods,configmaps,secrets', '--output', 'name', '--selector', `cowait.owner=${owner}`],
  }[engine]
  if (list === undefined) return []
  return ownOwners().flatMap((owner) => {
    const [command, ...args] = list(owner)
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n')
      .filter((one) => one !== '')
  })
}

function files() {
  return ownOwners().flatMap((owner) => readdirSync(join(runtimeRoot(), owner), { recursive: true }))
}

/** The folders of the supervisors in this process: they have their names, and say whose they are. */
function ownOwners() {
  return readdirSync(runtimeRoot()).filter((owner) => read(join(runtimeRoot(), owner, 'owner')).startsWith(`${process.pid}-`))
}

function runtimeRoot() {
  return join(process.env.XDG_RUNTIME_DIR || tmpdir(), `cowait-${process.getuid()}`)
}

function read(file) {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
