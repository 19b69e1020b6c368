/**
 * One small process beside the supervisor that outlives it by moments: when the supervisor is gone, however it went, the guard
 * ends its workers and everything that they started, and removes its private folder. It lives in a session of its own, so
 * neither a terminal nor a task that kills its own process group reaches it.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { processStart } from '../host-process.ts'
import { guardArguments } from './guard-script.ts'
import { started } from './launch.ts'

/** Until a host that had no room for a process is asked again. */
const RETRY_MS = 1_000

interface GuardOptions {
  /** The supervisor's private folder. */
  readonly directory: string
  /** What all workers of this supervisor have in their environment. */
  readonly mark: string
  readonly path: string
}

export class Guard {
  readonly #options: GuardOptions
  /** What the guard is told of a group, by its number. */
  readonly #groups = new Map<number, string>()
  #process: ChildProcess | undefined
  #started: Promise<void> = Promise.resolve()
  #ended: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(options: GuardOptions) {
    this.#options = options
  }

  /** Idempotent. Rejects with the system's error when the host cannot start a process. */
  async start(): Promise<void> {
    if (this.#stopped) return
    if (this.#process) return await this.#started
    const { directory, mark, path } = this.#options
    const child = spawn('/bin/sh', guardArguments(directory, mark, process.pid), {
      cwd: '/',
      env: { PATH: path },
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#process = child
    this.#ended = new Promise((settle) => {
      const onEnd = (): void => {
        settle()
        child.stdin?.destroy()
        if (this.#process === child) this.#process = undefined
      }
      child.once('error', onEnd).once('exit', onEnd)
    })
    child.once('exit', () => this.#startAgain())
    child.stdin?.on('error', () => {})
    child.unref()
    if (child.stdin && 'unref' in child.stdin) (child.stdin as unknown as { unref(): void }).unref()
    for (const group of this.#groups.values()) this.#tell(`+ ${group}`)
    this.#started = started(child).then(() => undefined)
    await this.#started
  }

  /** To be called right after the group's leader was started: its number is its own then. */
  watch(leader: number): void {
    const group = `${leader}.${processStart(leader)}`
    this.#groups.set(leader, group)
    this.#tell(`+ ${group}`)
  }

  forget(leader: number): void {
    const group = this.#groups.get(leader)
    if (group === undefined) return
    this.#groups.delete(leader)
    this.#tell(`- ${group}`)
  }

  /** The supervisor leaves in order: nothing is to be ended any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#process?.ref()
    this.#process?.kill('SIGKILL')
    await this.#ended
  }

  /** Somebody ended the guard. Without workers the next start brings a new one. */
  #startAgain(): void {
    if (this.#groups.size > 0) this.start().catch(() => setTimeout(() => this.#startAgain(), RETRY_MS).unref())
  }

  #tell(line: string): void {
    this.#process?.stdin?.write(`${line}\n`)
  }
}
