import { setTimeout as delay } from 'node:timers/promises'
import { EngineError } from '../../core/errors.ts'
import type { Moment, ProcessTable } from './process-table.ts'

/** How long the kernel may take to end what was killed; more means a process that waits for a broken device. */
export const KILL_WAIT_MS = 5_000
const ZOMBIE_WAIT_MS = 20
const LONGEST_NAP_MS = 50

/** Whether there was anybody to get the signal. */
export function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  return send(-group, signal)
}

/** Kills until no process has `mark` in its environment. Throws an `EngineError` when one does not end. */
export async function killMarked(table: ProcessTable, mark: string, since?: Moment): Promise<void> {
  const deadline = performance.now() + KILL_WAIT_MS
  for (let nap = 1; ; nap = Math.min(nap * 2, LONGEST_NAP_MS)) {
    const found = await table.find(mark, since)
    if (found.length === 0) return
    if (performance.now() > deadline) throw stuck(found)
    for (const pid of found) send(pid, 'SIGKILL')
    await delay(nap)
  }
}

/** Waits until a process group that was killed has no member left. Zombies count as gone: somebody else has to collect them. */
export async function waitForGroup(table: ProcessTable, group: number): Promise<void> {
  const start = performance.now()
  for (let nap = 1; signalGroup(group, 0); nap = Math.min(nap * 2, LONGEST_NAP_MS)) {
    const waited = performance.now() - start
    if (waited > ZOMBIE_WAIT_MS && !(await table.groupLives(group))) return
    if (waited > KILL_WAIT_MS) throw stuck([group])
    await delay(nap)
  }
}

export function stuck(pids: readonly number[]): EngineError {
  return new EngineError(`Process ${pids.join(', ')} was killed ${KILL_WAIT_MS / 1000} s ago and still runs.`, {
    hint: `Look at its state with ps -o pid,stat,wchan,args -p ${pids.join(',')}; a process in state D waits for a device or a network file system.`,
  })
}

function send(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(target, signal)
  } catch {
    return false
  }
}
