import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { join } from 'node:path'
import { root } from './spawned.mjs'

/** What Node's own streams of files give at once. */
const PIECE = 64 * 1024

/** So many bytes through a program of bench/tasks/stream: what it took, and the most memory of the process that reads and writes. */
export async function streamed(program, bytes) {
  const child = spawn(process.execPath, [join(root, 'bench/tasks/stream', program), String(bytes), String(PIECE)], {
    cwd: root,
    env: { ...process.env, COWAIT_ENGINE: 'process' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [output, printed, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  if (code !== 0) throw new Error(`${program} ended with exit code ${code}.\n${printed.slice(-10_000)}`)
  return JSON.parse(output)
}
