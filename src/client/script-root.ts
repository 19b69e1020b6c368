/**
 * A script as the owner of root runs: the first call outside of any task starts a supervisor in a thread of this process.
 * At the natural end the script waits for its calls; a failure that nobody looked at is printed and sets exit code 1.
 */
import type { Caller, CallListener, CallRequest, CancelReason, LimitPlace, LimitRule } from '../core/caller.ts'
import type { RunEvent } from '../core/events.ts'
import type { LineMessage } from '../core/line.ts'
import { idInUse, notStarted } from '../core/not-started.ts'
import { TaskCancelledError } from '../core/errors.ts'
import { Scope } from '../core/scope.ts'
import { printFailure } from './print.ts'
import type { SupervisorThread } from './supervisor-thread.ts'

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

/** Makes this process a root. Nothing starts before the first call. */
export function openScriptRoot(onEnd: () => void): Scope {
  const root = new ThreadCaller()
  const scope = new Scope({ caller: root })
  const signals = Object.keys(exitCodes) as (keyof typeof exitCodes)[]
  const end = async (how: 'cancel' | 'wait'): Promise<void> => {
    const unseen = await scope.close(how)
    await root.close()
    process.off('beforeExit', onBeforeExit)
    for (const signal of signals) process.off(signal, onSignal)
    onEnd()
    if (unseen) {
      printFailure(unseen)
      process.exitCode = 1
    }
  }
  const onBeforeExit = (): void => void end('wait')
  let isStopping = false
  const onSignal = (signal: keyof typeof exitCodes): void => {
    if (isStopping) process.exit(exitCodes[signal])
    isStopping = true
    scope.cancel(new TaskCancelledError({ task: '', message: `the script got ${signal}` }))
    const isOurs = process.listenerCount(signal) === 1
    // The script's own awaits reject now; that it was stopped is no crash.
    if (isOurs) process.on('uncaughtException', (error) => error instanceof TaskCancelledError || printFailure(error))
    void end('cancel').then(() => isOurs && process.exit(exitCodes[signal]))
  }
  process.on('beforeExit', onBeforeExit)
  for (const signal of signals) process.on(signal, onSignal)
  return scope
}

/** Carries a script's calls to the supervisor in its thread, which it starts with the first one. */
class ThreadCaller implements Caller {
  #thread: Promise<SupervisorThread> | undefined
  readonly #calls = new Set<string>()
  #holding = 0

  call(request: CallRequest, listener: CallListener): void {
    if (this.#calls.has(request.id))
      return listener.settled({ status: 'failed', error: notStarted(request.id, idInUse(request.id), 'USAGE') }, 0)
    const thread = this.#start('file' in request.task ? request.task.file : undefined)
    this.#calls.add(request.id)
    this.#hold(1)
    const heard = this.#heard(request.id, listener)
    void thread.then(
      ({ caller }) => caller.call(request, heard),
      (error: unknown) =>
        heard.settled(
          {
            status: 'failed',
            error: { code: 'ENGINE', name: 'EngineError', message: `${request.id} could not start: ${(error as Error).message}` },
          },
          0,
        ),
    )
  }

  /** Apart from `call`, so that it does not keep the request alive. */
  #heard(id: string, listener: CallListener): CallListener {
    return {
      status: (status, attempt) => listener.status(status, attempt),
      settled: (outcome, attempt) => {
        this.#calls.delete(id)
        this.#hold(-1)
        listener.settled(outcome, attempt)
      },
      line: (message) => listener.line(message),
      event: (event) => listener.event(event),
      mayRetry: (outcome, attempt) => listener.mayRetry(outcome, attempt),
    }
  }

  line(id: string, message: LineMessage): void {
    this.#tell((caller) => caller.line(id, message))
  }

  watch(id: string, tree: boolean, listener: Pick<CallListener, 'event'>): void {
    if (!this.#thread) return listener.event(undefined)
    let isHeld = true
    this.#hold(1)
    const event = (heard: RunEvent | undefined): void => {
      if (!heard && isHeld) this.#hold(-1)
      isHeld &&= heard !== undefined
      listener.event(heard)
    }
    void this.#thread.then(
      ({ caller }) => caller.watch(id, tree, { event }),
      () => event(undefined),
    )
  }

  cancel(id: string, reason: CancelReason, kill: boolean): void {
    void this.#thread?.then(
      ({ caller }) => caller.cancel(id, reason, kill),
      () => undefined,
    )
  }

  acquire(name: string, rule: LimitRule): LimitPlace {
    const wanted = this.#start(process.argv[1] ?? process.cwd()).then(({ caller }) => caller.acquire(name, rule))
    this.#hold(1)
    let isHeld = true
    const letGo = (): void => {
      if (isHeld) this.#hold(-1)
      isHeld = false
    }
    return {
      granted: wanted.then((place) => place.granted).finally(letGo),
      release: () => {
        // A wait that is withdrawn is never answered.
        letGo()
        void wanted.then(
          (place) => place.release(),
          () => undefined,
        )
      },
    }
  }

  #start(near: string | undefined): Promise<SupervisorThread> {
    if (this.#thread) return this.#thread
    const starting = import('./supervisor-thread.ts').then(({ startSupervisorThread }) => startSupervisorThread(near))
    this.#thread = starting
    // The next call has another try.
    const forget = (): void => {
      if (this.#thread === starting) this.#thread = undefined
    }
    starting.then(({ ended }) => ended.then(forget), forget)
    return starting
  }

  #tell(tell: (caller: Caller) => void): void {
    void this.#thread?.then(
      ({ caller }) => tell(caller),
      () => undefined,
    )
  }

  /** Ends the supervisor. Resolves when nothing is left of it. */
  async close(): Promise<void> {
    const thread = await this.#thread?.catch(() => undefined)
    this.#thread = undefined
    await thread?.close()
  }

  /** The thread keeps the process alive only while calls are open. */
  #hold(change: 1 | -1): void {
    this.#holding += change
    const isHeld = this.#holding > 0
    void this.#thread?.then(
      (thread) => thread.hold(isHeld),
      () => undefined,
    )
  }
}
