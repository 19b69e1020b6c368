import { randomBytes } from 'node:crypto'
import type { Caller } from '../core/caller.ts'
import { atCallerLine, checkedFor } from '../core/caller-line.ts'
import type { TaskDefinition } from '../core/definition.ts'
import { parseDuration, type Duration } from '../core/duration.ts'
import { UsageError } from '../core/errors.ts'
import { nameOf } from '../core/registry.ts'
import { runInScope, Scope } from '../core/scope.ts'
import { show } from '../core/show.ts'
import { createMemoryEngine } from '../engines/memory/memory-engine.ts'
import { memoryPair } from '../engines/memory/memory-pair.ts'
import { Supervisor } from '../supervisor/supervisor.ts'
import { Activity } from './activity.ts'
import { Cast } from './cast.ts'
import { connect, type Connection } from './connect.ts'
import { ManualClock } from './manual-clock.ts'
import { readFault } from './read-fault.ts'
import { serveInMemory } from './serve-in-memory.ts'
import type { StandIn } from './stand-in.ts'
import type { Fault, TestRuntime, TestRuntimeOptions } from './types.ts'

/**
 * Makes a runtime for one test: every call inside it runs in this process, through codec, validation, scopes and cancellation, so what
 * would fail in a worker of its own fails here. Nothing is compiled, and no engine is needed.
 */
export function createTestRuntime({ clock = 'real' }: TestRuntimeOptions = {}): TestRuntime {
  if (clock !== 'real' && clock !== 'manual')
    throw atCallerLine(
      new UsageError(`createTestRuntime(): clock: ${show(clock)} is not known: write "real" or "manual".`),
      createTestRuntime,
    )
  return new MemoryRuntime(clock) as unknown as TestRuntime
}

class MemoryRuntime {
  readonly #cast = new Cast()
  readonly #activity = new Activity()
  readonly #clock: ManualClock | undefined
  readonly #supervisor: Supervisor
  readonly #connection: Connection
  readonly #scope: Scope
  #advanced: Promise<void> = Promise.resolve()
  #closed: Promise<void> | undefined

  constructor(clock: 'real' | 'manual') {
    const { note } = this.#activity
    this.#clock = clock === 'manual' ? new ManualClock(note) : undefined
    const engine = createMemoryEngine({
      serve: serveInMemory({
        load: async (_task, _code, run, worker) => this.#cast.definitionOf(run, worker),
        through: (caller) => this.#through(caller),
      }),
      onTraffic: note,
    })
    this.#supervisor = new Supervisor({
      id: `t${randomBytes(6).toString('hex')}`,
      engine: 'memory',
      // Whatever a task asks for (an image, gpus, volumes): here it is a function.
      openEngine: async () => ({ ...engine, check: () => undefined }),
      tree: async () => ({ hash: '', files: [], directory: process.cwd(), root: process.cwd() }),
      width: Infinity,
      ...(this.#clock ? { clock: this.#clock, random: () => 1 } : {}),
    })
    const [inside, outside] = memoryPair(note)
    this.#connection = connect(inside, this.#supervisor.connect(outside))
    this.#scope = new Scope({ caller: this.#through(this.#connection.caller) })
  }

  run(body: unknown, ...args: unknown[]): unknown {
    if (typeof body !== 'function')
      throw atCallerLine(new TypeError(`rt.run() takes a task or a function; it got ${show(body)}.`), this.run)
    return runInScope(this.#scope, () => (body as (...args: unknown[]) => unknown)(...args))
  }

  mock(task: unknown, stand: unknown): void {
    const definition = definitionOf(task, this.mock)
    if (typeof stand !== 'function')
      throw atCallerLine(new TypeError(`rt.mock() takes a function second; it got ${show(stand)}.`), this.mock)
    this.#cast.role(definition).standIn = stand as StandIn
  }

  calls(task: unknown): unknown[] {
    return this.#cast.inputs(definitionOf(task, this.calls))
  }

  fault(task: unknown, fault: Fault): void {
    const definition = definitionOf(task, this.fault)
    const read = checkedFor(this.fault, () => readFault(fault, nameOf(definition.place)))
    this.#cast.role(definition).faults.push(read)
  }

  async advance(time: Duration): Promise<void> {
    const clock = this.#clock
    const ms = checkedFor(this.advance, () => parseDuration(time, 'rt.advance()'))
    if (!clock)
      throw atCallerLine(new UsageError('rt.advance() moves a clock that stands: createTestRuntime({ clock: "manual" }).'), this.advance)
    const advancing = this.#advanced.then(() => clock.advance(ms, () => this.#activity.rest()))
    this.#advanced = advancing
    await advancing
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#clock?.free()
    const unseen = await this.#scope.close('cancel')
    await this.#supervisor.close({ code: 'TASK_CANCELLED', message: "the test's runtime was disposed of" })
    await this.#connection.close()
    if (unseen) throw unseen
  }

  #through(caller: Caller): Caller {
    return {
      ...(this.#clock ? { clock: this.#clock } : {}),
      call: (request, listener) => caller.call(this.#cast.enter(request), listener),
      cancel: (id, reason, kill) => caller.cancel(id, reason, kill),
      acquire: (name, rule) => caller.acquire(name, rule),
      line: (id, message) => caller.line(id, message),
      watch: (id, tree, listener) => caller.watch(id, tree, listener),
    }
  }
}

function definitionOf(task: unknown, below: (...args: never[]) => unknown): TaskDefinition {
  const definition = typeof task === 'function' ? (task as { '~task'?: TaskDefinition })['~task'] : undefined
  if (definition) return definition
  throw atCallerLine(new TypeError(`A task is needed here, what task() gave you; it got ${show(task)}.`), below)
}
