/**
 * The least that values need: the same hops by raw Node, but each piece stays one, behind its length, and is whole before it goes on.
 * `pieces.mjs BYTES PIECE` starts the others.
 */
import { spawn } from 'node:child_process'

const [bytes, piece] = process.argv.slice(2).map(Number)
const role = process.argv[2]

if (role === 'worker') {
  for await (const chunk of pieces(process.stdin)) await send(process.stdout, chunk)
} else if (role === 'relay') {
  const next = start('worker')
  await Promise.all([forward(process.stdin, next.stdin), forward(next.stdout, process.stdout)])
} else {
  const block = Buffer.alloc(piece, 'x')
  const next = start('relay')
  const started = performance.now()
  const cpu = process.cpuUsage()
  void give(block, next.stdin)
  let received = 0
  for await (const chunk of pieces(next.stdout)) received += chunk.length
  const ms = performance.now() - started
  const { user, system } = process.cpuUsage(cpu)
  if (received !== bytes) throw new Error(`${received} bytes came back of ${bytes}.`)
  process.stdout.write(JSON.stringify({ ms, cpuMs: (user + system) / 1_000, peakMiB: process.resourceUsage().maxRSS / 1_024 }))
}

async function give(block, out) {
  for (let sent = 0; sent < bytes; sent += piece) await send(out, block)
  out.end()
}

async function forward(input, out) {
  for await (const chunk of pieces(input)) await send(out, chunk)
  out.end()
}

async function send(out, chunk) {
  const header = Buffer.allocUnsafe(4)
  header.writeUInt32LE(chunk.length)
  out.cork()
  out.write(header)
  const hasRoom = out.write(chunk)
  out.uncork()
  if (!hasRoom) await new Promise((resolve) => out.once('drain', resolve))
}

async function* pieces(input) {
  const header = Buffer.alloc(4)
  let headerLength = 0
  let whole
  let filled = 0
  for await (const chunk of input) {
    for (let at = 0; at < chunk.length;) {
      if (whole === undefined) {
        const taken = chunk.copy(header, headerLength, at, at + 4 - headerLength)
        at += taken
        headerLength += taken
        if (headerLength < 4) continue
        whole = Buffer.allocUnsafeSlow(header.readUInt32LE())
        filled = headerLength = 0
      }
      const taken = chunk.copy(whole, filled, at, at + whole.length - filled)
      at += taken
      filled += taken
      if (filled < whole.length) continue
      yield whole
      whole = undefined
    }
  }
}

function start(what) {
  return spawn(process.execPath, [import.meta.filename, what], { stdio: ['pipe', 'pipe', 'inherit'] })
}
