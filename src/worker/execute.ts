/** One execution: load the task, check the input, call the function, close its scope, answer. */
import { setImmediate } from 'node:timers/promises'
import type { Caller, CancelReason } from '../core/caller.ts'
import type { TaskBody, TaskDefinition } from '../core/definition.ts'
import { TaskCancelledError, TaskTimeoutError } from '../core/errors.ts'
import type { TaskRef } from '../core/events.ts'
import { runInScope, Scope } from '../core/scope.ts'
import { refuseInput, validate } from '../core/validate.ts'
import type { Encoded } from '../core/value.ts'
import { decode } from '../core/values/decode.ts'
import { encode } from '../core/values/encode.ts'
import type { Bodies } from '../protocol/bodies.ts'
import type { Channel } from '../protocol/channel.ts'
import type { Both, Down, Up } from '../protocol/messages.ts'
import { createContext } from './create-context.ts'
import { describeFailure } from './describe-failure.ts'
import type { Output } from './output.ts'
import { OutsideErrors, printUncaught } from './outside-errors.ts'
import { ParentLine } from './parent-line.ts'
import { watchProgram } from './program-writes.ts'

type RunMessage = Extract<Down, { type: 'run' }>

/** Finds the task that a run names; throws if its module cannot be loaded or has no such task. */
export type LoadTask = (task: TaskRef, code: RunMessage['code'], run: Pick<RunMessage, 'run' | 'attempt'>) => Promise<TaskDefinition>

export interface ExecutionOptions {
  readonly message: RunMessage
  readonly input: Promise<Encoded>
  readonly channel: Channel<Down | Both, Up | Both>
  readonly bodies: Bodies<Down, Up>
  readonly caller: Caller
  readonly output: Output
  readonly load: LoadTask
}

export class Execution {
  /** Resolves when the function and everything that it started have ended; never rejects. */
  readonly finished: Promise<void>
  readonly scope: Scope
  readonly line: ParentLine
  readonly #options: ExecutionOptions
  #markFinished!: () => void
  readonly #outside: OutsideErrors
  readonly #flushProgress: () => void
  #definition: TaskDefinition | undefined
  #body: TaskBody | undefined
  #isCancelled = false

  constructor(options: ExecutionOptions) {
    this.#options = options
    this.finished = new Promise((resolve) => (this.#markFinished = resolve))
    const { message, caller, channel, bodies, output } = options
    this.#outside = new OutsideErrors(output)
    const { run, attempt, handlers = [] } = message
    this.line = new ParentLine({ run, attempt, bodies, handlers, within: (body) => runInScope(this.scope, body) })
    const { context, flush } = createContext(message, output, {
      signal: () => this.scope.signal,
      state: () => this.#body?.state,
      parent: this.line.parent,
      progress: (progress) => channel.send({ type: 'progress', run, ...progress }),
    })
    this.#flushProgress = flush
    this.scope = new Scope({ caller, context })
  }

  cancel(reason: CancelReason): void {
    this.#isCancelled = true
    const { run, name } = this.#options.message
    const ErrorClass = reason.code === 'TASK_TIMEOUT' ? TaskTimeoutError : TaskCancelledError
    this.scope.cancel(new ErrorClass({ taskId: run, task: name, message: reason.message }))
  }

  /** What the function's own promise cannot tell: an exception in a callback, a rejection that nobody handles. It fails the run, or is printed. */
  failFromOutside(error: unknown): void {
    this.#outside.add(error)
  }

  async run(): Promise<void> {
    const { message, bodies, output } = this.#options
    try {
      const value = await this.#watched(() => this.#outcome())
      this.#outside.succeed()
      this.#flushProgress()
      output.flush(message.flush)
      await bodies.sendValue({ type: 'done', run: message.run, value })
    } catch (error) {
      this.#outside.fail(error)
      // Where the channel has ended, nobody is left to tell.
      await this.#fail(error).catch(() => undefined)
    } finally {
      this.#markFinished()
    }
  }

  /** Says what was written where it will not stay. */
  async #watched<T>(work: () => Promise<T>): Promise<T> {
    const { code, task } = this.#options.message
    const note = watchProgram(code.path, task.module)
    try {
      return await work()
    } finally {
      const written = note()
      if (written !== undefined) this.scope.context!.log.warn(written)
    }
  }

  async #outcome(): Promise<Encoded> {
    const { message, load } = this.#options
    const sent = decode(await this.#options.input)
    const loading = runInScope(new Scope({ caller: this.#options.caller, loading: true }), () => load(message.task, message.code, message))
    const definition = (this.#definition = await this.#outside.race(loading))
    const output = await this.#within(definition, async (body) => {
      const input = await this.#prepare(definition, body, sent)
      const returned = body.run(input, this.scope.context!)
      this.line.open(body)
      const result = await returned
      return isStream(result) ? await this.line.stream(result, this.scope.signal) : result
    })
    return output
  }

  /** Everything that is the user's code, from `init` to `after`, and the end of what it started. */
  async #within(definition: TaskDefinition, work: (body: TaskBody) => Promise<unknown>): Promise<Encoded> {
    let result: { ok: true; value: Encoded } | { ok: false; error: unknown }
    let opened: TaskBody | undefined
    try {
      const running = runInScope(this.scope, async () => await work((opened = this.#body = definition.open())))
      const output = await this.#outside.race(running)
      const unseen = await this.#outside.race(this.#closeScope())
      if (unseen) throw unseen
      result = { ok: true, value: await this.#outside.race(this.#checkOutput(definition, output)) }
    } catch (error) {
      this.#outside.fail(error)
      result = { ok: false, error: this.line.explain(error) }
      this.scope.cancel(error)
      await this.#closeScope()
    }
    // Its own clean-up in a group that has answered: the grace is for that too.
    if (this.#isCancelled) await this.scope.rest()
    if (opened?.after) await this.#after(opened, result)
    if (!result.ok) throw result.error
    return result.value
  }

  /** From the input as it was sent to the one that the function gets. */
  async #prepare(definition: TaskDefinition, body: TaskBody, sent: unknown): Promise<unknown> {
    const { message, channel } = this.#options
    const context = this.scope.context!
    const subject = { task: message.name, taskId: message.run }
    await body.init?.(context)
    refuseInput(definition, sent, subject)
    const changed = body.before ? ((await body.before(sent, context)) ?? sent) : sent
    const input = await validate(definition.input, changed, { ...subject, what: 'input' })
    // Cancelled while it loaded or was checked: its function does not begin.
    this.scope.signal.throwIfAborted()
    this.#watchCancel(body)
    channel.send({ type: 'running', run: message.run })
    // The frame leaves in this turn: a function that never yields must not hold it back.
    await setImmediate()
    return input
  }

  async #checkOutput(definition: TaskDefinition, output: unknown): Promise<Encoded> {
    const { name, run } = this.#options.message
    return encode(await validate(definition.output, output, { task: name, taskId: run, what: 'output' }), 'output')
  }

  #watchCancel(body: TaskBody): void {
    const { signal } = this.scope
    const context = this.scope.context!
    const hook = async (): Promise<unknown> => await body.cancelled?.(signal.reason, context)
    const tell = (): void => void runInScope(this.scope, hook).catch((error: unknown) => printUncaught(this.#options.output, error))
    if (body.cancelled) signal.addEventListener('abort', tell, { once: true })
  }

  async #after(body: TaskBody, result: { ok: true; value: Encoded } | { ok: false; error: unknown }): Promise<void> {
    const { caller } = this.#options
    const context = this.scope.context!
    const outcome = result.ok ? { ok: true as const, value: decode(result.value) } : { ok: false as const, error: result.error as Error }
    const scope = new Scope({ caller, context })
    const running = runInScope(scope, async () => {
      try {
        await body.after?.(outcome, context)
      } finally {
        await scope.close('wait')
      }
    })
    try {
      await (result.ok ? this.#outside.race(running) : running)
    } catch (error) {
      scope.cancel(error)
      await scope.close('cancel')
      if (result.ok) throw error
      // The run's own error is the one to tell.
      this.#outside.add(error)
    }
  }

  async #closeScope(): Promise<Error | undefined> {
    const { orphans = 'cancel' } = this.#options.message
    const { unfinished } = this.scope
    const unseen = await this.scope.close(orphans === 'wait' ? 'wait' : 'cancel')
    this.line.close()
    if (orphans === 'fail' && unfinished > 0)
      return new Error(
        `${unfinished} of its calls ${unfinished > 1 ? 'were' : 'was'} unfinished when it returned. Await what you call, or set orphans to "wait" or "cancel".`,
        unseen && { cause: unseen },
      )
    if (unfinished > 0 && orphans === 'cancel' && !this.scope.signal.aborted)
      this.scope.context!.log.warn(
        `${unfinished} unfinished call${unfinished > 1 ? 's were' : ' was'} cancelled when the task returned: await what you call`,
      )
    return unseen
  }

  async #fail(thrown: unknown): Promise<void> {
    const { message, bodies, output } = this.#options
    const failure = describeFailure(thrown, message, this.#definition)
    this.#flushProgress()
    output.flush(message.flush)
    await bodies.sendValue({ type: 'fail', run: message.run, ...failure })
  }
}

function isStream(value: unknown): value is AsyncGenerator<unknown, unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value && 'next' in value
}
