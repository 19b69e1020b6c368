/** The worker's process inside the pod: its channel on descriptors 3 and 4, all that it prints in one pipe. */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, constants, openSync, unlinkSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Setup } from '../pod-frames.ts'

export interface PodWorker {
  readonly channelUp: Socket
  readonly channelDown: Socket
  readonly output: Socket
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  /** Signals the worker and what it started, as far as that stayed with it. */
  kill(signal: NodeJS.Signals): void
}

/** `pipe` is the name of a named pipe, which goes as soon as both ends are open. Throws what the system says. */
export async function startWorker({ argv, cwd }: Setup, pipe: string): Promise<PodWorker> {
  const read = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
  const write = openSync(pipe, constants.O_WRONLY)
  unlinkSync(pipe)
  const [file = '', ...args] = argv
  const child = spawn(file, args, { cwd, detached: true, stdio: ['ignore', write, write, 'pipe', 'pipe'] })
  closeSync(write)
  const ended = new Promise<Awaited<PodWorker['ended']>>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
  return {
    channelUp: child.stdio[3] as Socket,
    channelDown: child.stdio[4] as Socket,
    output: new Socket({ fd: read, readable: true, writable: false }),
    ended,
    kill: (signal) => killGroup(child, signal),
  }
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // Nothing of it is left.
  }
}
