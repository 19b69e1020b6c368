import { setTimeout as delay } from 'node:timers/promises'
import type { Exit, Worker, WorkerId, WorkerInfo } from '../../core/engine.ts'
import type { Guard } from './guard.ts'
import { KILL_WAIT_MS, killMarked, signalGroup, stuck, waitForGroup } from './kill.ts'
import type { Launched } from './launch.ts'
import type { MemoryKills } from './memory-kills.ts'
import type { Moment, ProcessTable } from './process-table.ts'
import { WorkerChannel, WorkerOutput } from './worker-streams.ts'

/** What a worker without a channel has to leave by itself. */
const LEAVE_MS = 2_000

interface WorkerProcessOptions {
  readonly info: WorkerInfo
  /** What it and its subprocesses have in their environment. */
  readonly mark: string
  readonly heapMiB: number | undefined
  readonly table: ProcessTable
  readonly guard: Guard
  readonly memoryKills: MemoryKills
}

/** A worker from its start until nothing of it is left. */
export class WorkerProcess implements Worker {
  readonly id: WorkerId
  readonly info: WorkerInfo
  readonly channel: WorkerChannel
  readonly output: WorkerOutput
  readonly exited: Promise<Exit>
  /** Resolves when the process, its subprocesses and its streams are gone: never, if the kernel does not let them go. */
  readonly gone: Promise<void>
  readonly #pid: number
  readonly #options: WorkerProcessOptions
  readonly #since: Moment
  readonly #ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  #markGone!: () => void
  #cleaning: Promise<void> | undefined
  /** Afterwards its number may be given to somebody else. */
  #groupIsGone = false
  #hasEnded = false
  #isAsked = false
  #isKilled = false

  constructor({ child, pid, output, up, down }: Launched, options: WorkerProcessOptions) {
    this.id = options.info.id
    this.info = options.info
    this.#pid = pid
    this.#options = options
    this.#since = options.table.momentOf(pid)
    this.channel = new WorkerChannel(up, down)
    this.output = new WorkerOutput(output)
    options.guard.watch(pid)
    this.#ended = new Promise((settle) => {
      child.once('exit', (code, signal) => {
        this.#hasEnded = true
        // At once: as long as a subprocess is in the group, its number cannot be given to somebody else.
        signalGroup(pid, 'SIGKILL')
        settle({ code, signal })
      })
    })
    this.exited = this.#ended.then(({ code, signal }) => this.#exit(code, signal))
    this.gone = new Promise((settle) => (this.#markGone = settle))
    // What is left then, the next `remove` tries to end again.
    void this.#ended.then(() => this.#cleanUp()).catch(() => {})
    this.channel.once('finish', () => this.#leave()).once('close', () => this.#leave())
  }

  /**
   * SIGTERM, up to `graceMs`, SIGKILL; resolves when nothing is left. A second call with less grace shortens the first; one after a call
   * that has failed tries again.
   */
  async remove(graceMs: number): Promise<void> {
    if (!this.#hasEnded && graceMs > 0) {
      if (!this.#isAsked) {
        this.#isAsked = true
        signalGroup(this.#pid, 'SIGTERM')
        // A stopped process takes no other signal than this and SIGKILL.
        signalGroup(this.#pid, 'SIGCONT')
      }
      await this.#endedWithin(graceMs)
    }
    if (!this.#hasEnded) {
      this.#isKilled = true
      signalGroup(this.#pid, 'SIGKILL')
      if (!(await this.#endedWithin(KILL_WAIT_MS))) throw stuck([this.#pid])
    }
    await this.#cleanUp()
  }

  /** Once it has ended; at once if nothing was left the last time. */
  async #cleanUp(): Promise<void> {
    const cleaning = (this.#cleaning ??= this.#endRest())
    try {
      await cleaning
    } catch (error) {
      if (this.#cleaning === cleaning) this.#cleaning = undefined
      throw error
    }
  }

  async #endRest(): Promise<void> {
    const { table, mark, guard } = this.#options
    try {
      await Promise.all([killMarked(table, mark, this.#since), this.#waitForGroup()])
      guard.forget(this.#pid)
    } finally {
      await Promise.all([this.channel.finish(), this.output.finish()])
    }
    this.#markGone()
  }

  async #waitForGroup(): Promise<void> {
    if (!this.#groupIsGone) await waitForGroup(this.#options.table, this.#pid)
    this.#groupIsGone = true
  }

  /** The supervisor has nothing more to say. A worker that stays all the same is ended. */
  #leave(): void {
    if (this.#hasEnded) return
    const timer = setTimeout(() => void this.remove(0).catch(() => {}), LEAVE_MS)
    timer.unref()
    void this.#ended.then(() => clearTimeout(timer))
  }

  async #endedWithin(ms: number): Promise<boolean> {
    const stop = new AbortController()
    await Promise.race([this.#ended, delay(ms, undefined, { signal: stop.signal })])
    stop.abort()
    return this.#hasEnded
  }

  async #exit(code: number | null, signal: NodeJS.Signals | null): Promise<Exit> {
    const ended = { ...(code === null ? {} : { code }), ...(signal === null ? {} : { signal }) }
    if (this.#isAsked || this.#isKilled) return { how: 'removed', ...ended }
    if (signal === 'SIGKILL') {
      const detail = await this.#options.memoryKills.take()
      return detail === undefined ? { how: 'killed', ...ended } : { how: 'out-of-memory', ...ended, detail }
    }
    if (signal === null) return { how: 'exited', ...ended }
    const { heapMiB } = this.#options
    return {
      how: 'killed',
      ...ended,
      ...(signal === 'SIGABRT' && heapMiB !== undefined ? { detail: `its JavaScript heap was limited to ${heapMiB} MiB` } : {}),
    }
  }
}
