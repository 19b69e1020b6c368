/** The same through as many hops of raw Node: this process, a relay, a worker, and back. `raw.mjs BYTES PIECE` starts the others. */
import { spawn } from 'node:child_process'
import { Readable } from 'node:stream'

const [bytes, piece] = process.argv.slice(2).map(Number)
const role = process.argv[2]

if (role === 'worker') {
  for await (const chunk of process.stdin)
    if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once('drain', resolve))
} else if (role === 'relay') {
  const next = start('worker')
  process.stdin.pipe(next.stdin)
  next.stdout.pipe(process.stdout)
} else {
  const block = Buffer.alloc(piece, 'x')
  async function* source() {
    for (let sent = 0; sent < bytes; sent += piece) yield block
  }
  const next = start('relay')
  const started = performance.now()
  const cpu = process.cpuUsage()
  Readable.from(source(), { objectMode: false }).pipe(next.stdin)
  let received = 0
  for await (const chunk of next.stdout) received += chunk.length
  const ms = performance.now() - started
  const { user, system } = process.cpuUsage(cpu)
  if (received !== bytes) throw new Error(`${received} bytes came back of ${bytes}.`)
  process.stdout.write(JSON.stringify({ ms, cpuMs: (user + system) / 1_000, peakMiB: process.resourceUsage().maxRSS / 1_024 }))
}

function start(what) {
  return spawn(process.execPath, [import.meta.filename, what], { stdio: ['pipe', 'pipe', 'inherit'] })
}
