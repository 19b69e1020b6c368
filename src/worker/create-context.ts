import { coalescedReports } from '../core/coalesced-reports.ts'
import type { Logger, TaskContext } from '../core/context.ts'
import type { LogLevel } from '../core/events.ts'
import { cut } from '../protocol/cut-summary.ts'
import { asText } from './as-text.ts'
import type { Output } from './output.ts'

interface Progress {
  readonly value: number
  readonly total?: number
  readonly message?: string
}

interface ContextSources {
  readonly signal: () => AbortSignal
  readonly state: () => unknown
  readonly parent: object
  readonly progress: (progress: Progress) => void
}

/** What the other side would keep of it. */
const maxMessageLength = 4096

export interface OwnContext {
  /** What a task's function gets as its second parameter. */
  readonly context: TaskContext
  /** Sends the last report of progress, if it still waits. */
  readonly flush: () => void
}

export function createContext(run: { run: string; name: string; attempt: number }, output: Output, sources: ContextSources): OwnContext {
  const { add, flush } = coalescedReports(sources.progress)
  const progress: TaskContext['progress'] = (value, info) => {
    const report = readProgress(value, info)
    if (report) add(report)
  }
  const context: TaskContext = {
    id: run.run,
    name: run.name,
    attempt: run.attempt,
    get signal() {
      return sources.signal()
    },
    log: createLogger(output, {}),
    get state() {
      return sources.state() as undefined
    },
    parent: sources.parent,
    progress,
  }
  return { context, flush }
}

function createLogger(output: Output, bound: object): Logger {
  const at =
    (level: LogLevel) =>
    (message: unknown, fields: object = {}): void =>
      output.log(level, asText(message), { ...bound, ...fields })
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => createLogger(output, { ...bound, ...fields }),
  }
}

/** A report is for people: one that cannot be told is dropped, and ends no run. */
function readProgress(value: unknown, info: { total?: unknown; message?: unknown } | null | undefined): Progress | undefined {
  if (!isFiniteNumber(value)) return undefined
  const { total, message } = info ?? {}
  return {
    value,
    ...(isFiniteNumber(total) && { total }),
    ...(message !== undefined && { message: cut(asText(message), maxMessageLength) }),
  }
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
