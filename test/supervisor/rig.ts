/** A supervisor on the engine `memory`, for tasks of the test itself; and a script that calls them. */
import { runInScope, Scope } from '../../src/core/scope.ts'
import type { AnyTask } from '../../src/core/types.ts'
import type { RunEvent } from '../../src/core/events.ts'
import type { TaskDefinition } from '../../src/core/definition.ts'
import { createMemoryEngine, type MemoryWorkerSide } from '../../src/engines/memory/memory-engine.ts'
import { memoryPair } from '../../src/engines/memory/memory-pair.ts'
import { Supervisor, type SupervisorOptions } from '../../src/supervisor/supervisor.ts'
import { connect } from '../../src/testing/connect.ts'
import { serveInMemory } from '../../src/testing/serve-in-memory.ts'

export const over = { code: 'TASK_CANCELLED', message: 'the test is over' } as const

/** Tasks are called from outside of their file: `external('tests:NAME')`. */
export function openRig(tasks: Record<string, AnyTask>, options: Partial<SupervisorOptions> = {}) {
  const workers = new Map<string, MemoryWorkerSide>()
  const engine = createMemoryEngine({
    serve: serveInMemory({
      load: async ({ export: name }, _code, { run }, worker) => {
        workers.set(run, worker)
        return (tasks[name] as unknown as { '~task': TaskDefinition })['~task']
      },
    }),
  })
  const supervisor = new Supervisor({
    id: 'rig',
    engine: 'memory',
    openEngine: async () => engine,
    tree: async () => ({ hash: '', files: [], directory: process.cwd(), root: process.cwd() }),
    width: 8,
    ...options,
  })
  const events: RunEvent[] = []
  supervisor.subscribe((event) => events.push(event))
  const [inside, outside] = memoryPair()
  const client = connect(inside, supervisor.connect(outside))
  const scope = new Scope({ caller: client.caller })
  return {
    engine,
    supervisor,
    client,
    events,
    /** The ids of the runs that there were. */
    created: () => events.flatMap((event) => (event.type === 'created' ? [event.run] : [])),
    worker: (run: string) => workers.get(run) as MemoryWorkerSide,
    script: <T>(body: () => T): T => runInScope(scope, body),
    [Symbol.asyncDispose]: async () => {
      await scope.close('cancel')
      await supervisor.close(over)
      await client.close()
    },
  }
}

/** What is answered when the test says so. */
export function held<T>(value: T): { readonly asked: Promise<void>; readonly answer: () => Promise<T>; readonly release: () => void } {
  let markAsked!: () => void
  let release!: () => void
  const asked = new Promise<void>((resolve) => (markAsked = resolve))
  const released = new Promise<void>((resolve) => (release = resolve))
  return {
    asked,
    release,
    answer: async () => {
      markAsked()
      await released
      return value
    },
  }
}
