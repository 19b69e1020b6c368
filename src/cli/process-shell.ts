import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readlinkSync } from 'node:fs'
import { constants } from 'node:os'
import { UsageError } from '../core/errors.ts'
import { ProcessTable } from '../engines/process/process-table.ts'
import { MARK_VARIABLE } from '../engines/process/marker.ts'
import type { KnownWorker } from './control/workers.ts'
import type { Io } from './io.ts'

/**
 * A shell of this host in the working directory of a worker and with the environment that it was started with. It is the user's own
 * and no part of the worker: it does not end with it. Answers the shell's exit code.
 */
export async function processShell({ id, name }: KnownWorker, command: readonly string[], io: Io): Promise<number> {
  const { cwd, env } = await placeOf(id, name)
  const [program = env['SHELL'] ?? '/bin/sh', ...args] = command
  // A terminal gives its signals to the shell as well, and that decides.
  io.stop.listen((signal) => {
    if (signal !== 'SIGINT') child.kill(signal)
  })
  io.stdout.release()
  io.stderr.release()
  const child = spawn(program, args, { cwd, env, stdio: 'inherit' })
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    return code ?? 128 + constants.signals[signal ?? 'SIGTERM']
  } catch (error) {
    throw new UsageError(`cowait shell: ${program} cannot be started (${(error as NodeJS.ErrnoException).code})`)
  }
}

/** The worker's first process says both; only Linux shows them. */
async function placeOf(id: string, name: string): Promise<{ cwd: string; env: Record<string, string> }> {
  if (process.platform !== 'linux') throw new UsageError('cowait shell: processes of other programs can be looked into on Linux only.')
  const pids = (await new ProcessTable().marks()).flatMap(({ pid, mark }) => (mark.id === id ? [pid] : []))
  try {
    const pid = Math.min(...pids)
    const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean)
    const pairs = variables.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)] as const)
    return { cwd: readlinkSync(`/proc/${pid}/cwd`), env: Object.fromEntries(pairs.filter(([key]) => key !== MARK_VARIABLE)) }
  } catch {
    throw new UsageError(`cowait shell: the worker of ${name} has just ended.`)
  }
}
