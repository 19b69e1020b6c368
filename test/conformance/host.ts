import { fileURLToPath } from 'node:url'
import type { RunEvent } from '../../src/core/events.ts'
import { resolveOptions } from '../../src/core/resolve-options.ts'
import type { TaskOptions } from '../../src/core/options.ts'
import { decode } from '../../src/core/values/decode.ts'
import { encode } from '../../src/core/values/encode.ts'
import { openSupervisor, type LocalOptions, type RootRun, type Settlement } from '../../src/client/local.ts'
import { compileProject, type CompiledTree } from '../../src/project/compile-project.ts'
import { definitionOptions } from '../../src/project/definition-options.ts'
import { findProject } from '../../src/project/project.ts'

export interface ConformanceEngine {
  readonly name: string
  /** The engine can end what does not cooperate, and sees raw prints: processes and containers. */
  readonly isolated: boolean
  readonly options: Pick<LocalOptions, 'engine' | 'openEngine' | 'engineSettings'>
}

const root = fileURLToPath(new URL('../fixtures/conformance/', import.meta.url))

/** A supervisor with the fixture project, and everything that it tells. */
export async function openHost(engine: ConformanceEngine, options: Partial<LocalOptions> = {}) {
  let compiled: Promise<CompiledTree> | undefined
  const tree = (): Promise<CompiledTree> => (compiled ??= findProject(root).then((project) => compileProject(project)))
  const supervisor = await openSupervisor({
    tree,
    describe: definitionOptions(tree),
    ...engine.options,
    ...options,
  })
  const events: RunEvent[] = []
  supervisor.subscribe((event) => events.push(event))

  const start = (name: string, input: unknown = {}, taskOptions: TaskOptions = {}): RootRun => {
    const [module = '', exported = ''] = name.split(':')
    return supervisor.run({
      task: { module: `tasks/${module}`, export: exported },
      name: exported,
      input: encode(input),
      options: resolveOptions(taskOptions, 'test'),
    })
  }
  return {
    supervisor,
    events,
    start,
    settle: async (name: string, input?: unknown, taskOptions?: TaskOptions): Promise<Settlement> =>
      await start(name, input, taskOptions).settled,
    output: async (name: string, input?: unknown, taskOptions?: TaskOptions): Promise<unknown> => {
      const settlement = await start(name, input, taskOptions).settled
      if (settlement.status !== 'done') throw new Error(`${name} ended as ${settlement.status}: ${settlement.error.message}`)
      return decode(settlement.output)
    },
    /** Resolves with the first event that fits, past or to come. */
    event: async <T extends RunEvent['type']>(
      type: T,
      fits: (event: Extract<RunEvent, { type: T }>) => boolean,
    ): Promise<Extract<RunEvent, { type: T }>> => {
      const isIt = (event: RunEvent): event is Extract<RunEvent, { type: T }> =>
        event.type === type && fits(event as Extract<RunEvent, { type: T }>)
      const past = events.find(isIt)
      if (past) return past
      return await new Promise((resolve) => {
        const stop = supervisor.subscribe((event) => {
          if (!isIt(event)) return
          stop()
          resolve(event)
        })
      })
    },
    lines: (run?: string): string[] =>
      events
        .filter((event) => event.type === 'log' && (run === undefined || event.run === run))
        .map((event) => (event as Extract<RunEvent, { type: 'log' }>).text),
    /** Ends everything, and proves that nothing is left. */
    [Symbol.asyncDispose]: async () => {
      const { left } = await supervisor.close()
      if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`)
      const open = new Map<string, number>()
      for (const event of events) open.set(event.run, event.type === 'removed' ? 0 : 1)
      const unfinished = [...open].filter(([, count]) => count > 0)
      if (unfinished.length > 0) throw new Error(`no end was told of ${unfinished.map(([id]) => id).join(', ')}`)
    },
  }
}
