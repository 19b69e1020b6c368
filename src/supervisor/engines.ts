/** The engines of a supervisor, each opened by the first run that needs it; and what they still know at the end. */
import type { Engine } from '../core/engine.ts'
import { UsageError } from '../core/errors.ts'
import { remembered } from '../core/remembered.ts'
import type { Tree, TreeRef } from '../core/tree.ts'
import { bounded } from './bounded.ts'

/** For an engine to tell what is left, and to be let go. */
const answerMs = 5_000
/** For what dead supervisors left, once the work is done. */
const sweepMs = 20_000

/** The runs of the workers that an engine still knows after the end. */
export interface Remains {
  /** They could not be made gone. */
  readonly left: readonly string[]
  /** They were kept on purpose. */
  readonly kept: readonly string[]
}

export interface OpenEngine {
  readonly engine: Engine
  /** Once for an engine, whichever run needs it first: the cancelling of that one must not fail the others. */
  readonly code: () => Promise<TreeRef>
}

/** `tell` gets what people should know while they wait for it. */
export type OpenEngineByName = (name: string, signal: AbortSignal, tell: (text: string) => void) => Promise<Engine>

export interface EnginesOptions {
  /** The supervisor, whose workers are asked for at the end. */
  readonly owner: string
  readonly open: OpenEngineByName
  readonly program: () => Promise<Tree>
  readonly keepFailed: boolean
}

interface Notices {
  /** What was said before anybody waited. */
  readonly early: string[]
  tell: ((text: string) => void) | undefined
}

export class Engines {
  readonly #options: EnginesOptions
  readonly #engines = new Map<string, Promise<OpenEngine>>()
  /** What dead supervisors left is removed beside the work; that it failed is no reason to fail. */
  readonly #sweeping: Promise<number>[] = []
  /** The runs of workers that their engine could not make gone. */
  readonly #notRemoved = new Map<string, Engine>()
  readonly #closing = new AbortController()
  /** Of those that are being opened. */
  readonly #notices = new Map<string, Notices>()

  constructor(options: EnginesOptions) {
    this.#options = options
  }

  /**
   * For a run. What is wrong with an engine, each run that asked meanwhile hears; the next one has another try. `tell` gets what people
   * should know meanwhile, if it is the first.
   */
  async get(name: string, tell: (text: string) => void = () => {}): Promise<OpenEngine> {
    const opening = this.#opened(name)
    this.#listen(name, tell)
    try {
      return await opening
    } catch (error) {
      if (this.#engines.get(name) === opening) this.#engines.delete(name)
      throw error
    }
  }

  /** Opens an engine before a run needs it. What is wrong with it, that one hears. */
  prepare(name: string): void {
    this.#opened(name).catch(() => undefined)
  }

  notRemoved(run: string, engine: Engine): void {
    this.#notRemoved.set(run, engine)
  }

  /** Lets go of the engines. Answers the runs of workers that one of them still knows. */
  async close(): Promise<Remains> {
    this.#closing.abort()
    const opened = await Promise.allSettled(this.#engines.values())
    await bounded(Promise.all(this.#sweeping), sweepMs)
    const left: string[] = []
    const kept: string[] = []
    for (const open of opened) {
      if (open.status === 'rejected') continue
      const { engine } = open.value
      for (const worker of await this.#remains(engine)) (worker.kept ? kept : left).push(worker.name)
      await bounded(engine.close(), answerMs).catch(() => false)
    }
    return { left, kept }
  }

  #opened(name: string): Promise<OpenEngine> {
    const known = this.#engines.get(name)
    if (known) return known
    const opening = this.#open(name)
    this.#engines.set(name, opening)
    return opening
  }

  /** One is enough: hundreds may wait for the same. */
  #listen(name: string, tell: (text: string) => void): void {
    const notices = this.#notices.get(name)
    if (!notices || notices.tell) return
    notices.tell = tell
    for (const text of notices.early) tell(text)
  }

  async #open(name: string): Promise<OpenEngine> {
    const { open, program, keepFailed } = this.#options
    const { signal } = this.#closing
    const notices: Notices = { early: [], tell: undefined }
    this.#notices.set(name, notices)
    const engine = await open(name, signal, (text) => (notices.tell ? notices.tell(text) : notices.early.push(text))).finally(() =>
      this.#notices.delete(name),
    )
    if (keepFailed && !engine.keep) {
      await bounded(engine.close(), answerMs).catch(() => false)
      throw new UsageError(`Engine ${name} has nothing to keep of a failed worker. Use an engine with containers: --engine docker.`)
    }
    this.#sweeping.push(engine.sweep().catch(() => 0))
    return { engine, code: remembered(async () => await engine.provide(await program(), signal)) }
  }

  /** The workers that an engine still knows; of one that answers no more, those that it could not remove. */
  async #remains(engine: Engine): Promise<readonly { readonly name: string; readonly kept?: boolean }[]> {
    const listed = engine.list({ owner: this.#options.owner })
    const hasAnswered = await bounded(listed, answerMs).catch(() => false)
    if (hasAnswered) return await listed
    return [...this.#notRemoved].flatMap(([name, where]) => (where === engine ? [{ name }] : []))
  }
}
