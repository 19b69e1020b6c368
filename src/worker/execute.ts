/** One execution: load the task, check the input, call the function, close its scope, answer. */
import { setImmediate } from 'node:timers/promises'
import type { CancelReason } from '../core/caller.ts'
import { TaskCancelledError, TaskFailedError, TaskTimeoutError, ValidationError } from '../core/errors.ts'
import { encodeError, summarize } from '../core/error-wire.ts'
import type { ErrorCode, ErrorSummary, TaskRef } from '../core/events.ts'
import { runInScope, Scope } from '../core/scope.ts'
import type { TaskDefinition } from '../core/definition.ts'
import type { Encoded } from '../core/value.ts'
import { decode } from '../core/values/decode.ts'
import { encode } from '../core/values/encode.ts'
import { validate } from '../core/validate.ts'
import type { Bodies } from '../protocol/bodies.ts'
import type { Channel } from '../protocol/channel.ts'
import type { ChannelCaller } from '../protocol/channel-caller.ts'
import type { Both, Down, Up } from '../protocol/messages.ts'
import { createContext } from './create-context.ts'
import type { Output } from './output.ts'

type RunMessage = Extract<Down, { type: 'run' }>

/** Finds the task that a run names; throws if its module cannot be loaded or has no such task. */
export type LoadTask = (task: TaskRef, code: RunMessage['code']) => Promise<TaskDefinition>

export interface ExecutionOptions {
  readonly message: RunMessage
  readonly input: Promise<Encoded>
  readonly channel: Channel<Down | Both, Up | Both>
  readonly bodies: Bodies<Down, Up>
  readonly caller: ChannelCaller
  readonly output: Output
  readonly load: LoadTask
}

export class Execution {
  /** Resolves when the function and everything that it started have ended; never rejects. */
  readonly finished: Promise<void>
  readonly scope: Scope
  readonly #options: ExecutionOptions
  #markFinished!: () => void
  #failFromOutside!: (error: unknown) => void
  readonly #failedOutside: Promise<never>
  #definition: TaskDefinition | undefined

  constructor(options: ExecutionOptions) {
    this.#options = options
    this.finished = new Promise((resolve) => (this.#markFinished = resolve))
    this.#failedOutside = new Promise((_, reject) => (this.#failFromOutside = reject))
    this.#failedOutside.catch(() => undefined)
    const { message, caller, channel, output } = options
    const context = createContext(message, output, {
      signal: () => this.scope.signal,
      progress: (progress) => channel.send({ type: 'progress', run: message.run, ...progress }),
    })
    this.scope = new Scope({ caller, context })
  }

  cancel(reason: CancelReason): void {
    const { run, name } = this.#options.message
    const ErrorClass = reason.code === 'TASK_TIMEOUT' ? TaskTimeoutError : TaskCancelledError
    this.scope.cancel(new ErrorClass({ taskId: run, task: name, message: reason.message }))
  }

  /** What the function's own promise cannot tell: an exception in a callback, a rejection that nobody handles. It fails the run. */
  failFromOutside(error: unknown): void {
    this.#failFromOutside(error)
  }

  async run(): Promise<void> {
    const { message, bodies, output } = this.#options
    try {
      const value = await this.#outcome()
      output.flush(message.flush)
      await bodies.sendValue({ type: 'done', run: message.run, value })
    } catch (error) {
      await this.#fail(error).catch(() => undefined)
    } finally {
      this.#markFinished()
    }
  }

  async #outcome(): Promise<Encoded> {
    const { message, load, channel } = this.#options
    const input = decode(await this.#options.input)
    const definition = (this.#definition = await runInScope(new Scope({ caller: this.#options.caller, loading: true }), () =>
      load(message.task, message.code),
    ))
    const checked = await validate(definition.input, input, { task: message.name, taskId: message.run, what: 'input' })
    channel.send({ type: 'running', run: message.run })
    // The frame leaves in this turn: a function that never yields must not hold it back.
    await setImmediate()
    const output = await this.#callFunction(definition, checked)
    return encode(await validate(definition.output, output, { task: message.name, taskId: message.run, what: 'output' }), 'output')
  }

  async #callFunction(definition: TaskDefinition, input: unknown): Promise<unknown> {
    let output: unknown
    let failure: { error: unknown } | undefined
    try {
      const running = runInScope(this.scope, async () => definition.run(input as never, this.scope.context!))
      output = await Promise.race([running, this.#failedOutside])
    } catch (error) {
      failure = { error }
      this.scope.cancel(error)
    }
    const unseen = await this.#closeScope(definition)
    if (failure) throw failure.error
    if (unseen) throw unseen
    return output
  }

  async #closeScope(definition: TaskDefinition): Promise<Error | undefined> {
    const { orphans = 'cancel' } = definition.options
    const { unfinished } = this.scope
    const unseen = await this.scope.close(orphans === 'wait' ? 'wait' : 'cancel')
    if (orphans === 'fail' && unfinished > 0)
      return new Error(`${unfinished} of its calls were unfinished when it returned. Await them, or set orphans to "wait" or "cancel".`)
    if (unfinished > 0 && orphans === 'cancel' && !this.scope.signal.aborted)
      this.scope.context!.log.warn(
        `${unfinished} unfinished call${unfinished > 1 ? 's were' : ' was'} cancelled when the task returned: await what you call`,
      )
    return unseen
  }

  async #fail(thrown: unknown): Promise<void> {
    const { message, bodies, output } = this.#options
    const { error, value, retryable } = describeFailure(thrown, message, this.#definition !== undefined)
    output.flush(message.flush)
    await bodies.sendValue({ type: 'fail', run: message.run, error, retryable, value })
  }
}

/** A child's failure goes up as what its function threw, with a longer path: one wrapper however deep the tree. */
function describeFailure(
  thrown: unknown,
  { run, task }: RunMessage,
  isLoaded: boolean,
): { error: ErrorSummary; value: Encoded; retryable: boolean } {
  const here = { id: run, task: `${task.module}:${task.export}` }
  const original = thrown instanceof TaskFailedError ? thrown.cause : thrown
  const path = thrown instanceof TaskFailedError ? [here, ...thrown.path] : [here]
  const code: ErrorCode = !isLoaded
    ? 'TASK_NOT_LOADED'
    : thrown instanceof ValidationError && thrown.taskId === run
      ? thrown.code
      : 'TASK_FAILED'
  const retryable =
    isLoaded &&
    code === 'TASK_FAILED' &&
    (original as { retryable?: unknown } | null)?.retryable !== false &&
    !(original instanceof ValidationError)
  return { error: { code, ...summarize(original), path }, value: encodeError(original), retryable }
}
