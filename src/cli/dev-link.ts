import { spawn, type ChildProcess } from 'node:child_process'
import type { Io } from './io.ts'
import type { StopSignal } from './stop-signals.ts'

const VARIABLE = 'COWAIT_DEV_LINK'

/** A request to stop. A terminal signals `cowait dev` and its run at once, so the run is told how often it has been asked in all. */
interface StopOrder {
  readonly stop: StopSignal
  readonly nth: number
  /** What people are told, where that is not what the signal says. */
  readonly said?: string | undefined
}

/** A `cowait run` of its own, which `cowait dev` starts. */
export class DevRun {
  /** Resolves when nothing of it is left. */
  readonly over: Promise<void>
  readonly #child: ChildProcess
  #asked = 0

  constructor(args: readonly string[], io: Io) {
    this.#child = spawn(process.execPath, ['--', process.argv[1] ?? '', 'run', ...args], {
      cwd: io.cwd,
      env: { ...io.env, [VARIABLE]: '1' },
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    })
    this.over = new Promise((done) => this.#child.once('exit', () => done()))
  }

  get isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Asks it to stop, once more if it has been asked before. */
  stop(signal: StopSignal, said?: string): void {
    const order: StopOrder = { stop: signal, nth: ++this.#asked, said }
    // It may end in this very moment, which is what was asked for.
    if (this.#child.connected) this.#child.send(order, () => undefined)
  }

  /** Cancels it, unless it has been asked to stop already, and waits until nothing of it is left. */
  async end(said?: string): Promise<void> {
    if (this.isOver) return
    if (this.#asked === 0) this.stop('SIGTERM', said)
    await this.over
  }
}

/** In such a run: `onOrder` hears each order, and one when `cowait dev` has gone. Does nothing in any other process. */
export function watchDev(env: NodeJS.ProcessEnv, onOrder: (order: StopOrder) => void): void {
  if (!env[VARIABLE]) return
  delete env[VARIABLE]
  const lost = { stop: 'SIGHUP', nth: 1 } as const
  if (!process.connected) return onOrder(lost)
  process.on('message', (order: StopOrder) => onOrder(order))
  process.on('disconnect', () => onOrder(lost))
  // It is no reason to stay.
  process.channel?.unref()
}
