/** Streams so many bytes into a task and out of it again, in pieces: `cowait.mjs BYTES PIECE`. Prints what it took, and what this process held. */
import { relay } from './relay.mjs'

const [bytes, piece] = process.argv.slice(2).map(Number)
const block = Buffer.alloc(piece, 'x')

async function* source() {
  for (let sent = 0; sent < bytes; sent += piece) yield block
}

await relay({}, { handlers: { source: async function* () {} } })
const started = performance.now()
const cpu = process.cpuUsage()
let received = 0
for await (const chunk of relay({}, { handlers: { source } })) received += chunk.length
const ms = performance.now() - started
const { user, system } = process.cpuUsage(cpu)
if (received !== bytes) throw new Error(`${received} bytes came back of ${bytes}.`)
process.stdout.write(JSON.stringify({ ms, cpuMs: (user + system) / 1_000, peakMiB: process.resourceUsage().maxRSS / 1_024 }))
