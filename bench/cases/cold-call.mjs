/** A script's call on the process engine, which starts a worker for it, against the same Node that answers one message. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { answer } from '../tasks/answer.mjs'

const answering = join(import.meta.dirname, '../tasks/answering.cjs')

/** A worker gets no more either; some variables (NODE_EXTRA_CA_CERTS) make Node start slowly. */
const env = { PATH: process.env.PATH, HOME: process.env.HOME }

export const name = 'cold-call'
export const goal = 1.25
export const rounds = 30

export async function floor() {
  const started = performance.now()
  const child = spawn(process.execPath, [answering], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end('question')
  await once(child.stdout, 'data')
  const ms = performance.now() - started
  await once(child, 'close')
  return ms
}

export async function subject() {
  const started = performance.now()
  await answer()
  return performance.now() - started
}
