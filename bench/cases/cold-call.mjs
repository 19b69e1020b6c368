/**
 * A script's call on the process engine, which starts a worker for it, against the same Node that answers one message. Any worker of
 * ES modules must do more: it reads a message, imports a module that imports a runtime of 10 KB, and answers.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { answer } from '../tasks/answer.mjs'

const tasks = join(import.meta.dirname, '../tasks')

/** A worker gets no more either; some variables (NODE_EXTRA_CA_CERTS) make Node start slowly. */
const env = { PATH: process.env.PATH, HOME: process.env.HOME }

export const name = 'cold-call'
export const goal = 1.25
export const rounds = 30

export const floor = () => answerOf('answering.cjs')

export const least = () => answerOf('importing.cjs')

async function answerOf(program) {
  const started = performance.now()
  const child = spawn(process.execPath, [join(tasks, program)], { env, stdio: ['pipe', 'pipe', 'inherit'] })
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
