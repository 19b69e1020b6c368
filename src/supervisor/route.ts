/**
 * The line between a run and its caller (see PROTOCOL.md, Line): calls of methods both ways, and streams of items. Frames are passed on
 * as they are, in order; what is checked is that each end speaks of its own calls and stays within its credit and the limits.
 */
import { CowaitError, ProtocolError } from '../core/errors.ts'
import type { ErrorSummary } from '../core/events.ts'
import { ITEM_WINDOW, MAX_OPEN_CALLS, YIELDS } from '../core/line.ts'
import type { LineFrame } from '../protocol/messages.ts'
import { Turns } from '../protocol/turns.ts'
import type { IncomingValue } from '../protocol/values.ts'
import type { Spool, StoredValue } from './spool.ts'
import type { RunRecord } from './tree-messages.ts'

/** Which end of a run's line. */
export type LineEnd = 'run' | 'caller'

export interface RouteContext {
  readonly spool: Spool
  readonly runs: ReadonlyMap<string, RunRecord>
  /** Whether the run's caller can still answer. */
  hasCaller(run: RunRecord): boolean
  /** Hands a frame to one end; releases the value when it is delivered. */
  deliver(end: LineEnd, run: RunRecord, frame: LineFrame, value: StoredValue | undefined): void
  /** What the run yields has a hole: it must not look done. */
  fail(run: RunRecord, error: ErrorSummary): void
}

interface Credit {
  items: number
}

/** The calls of one end that have no answer yet, and how many items of each the other may send. */
type OpenCalls = Map<number, Credit>

interface Line {
  readonly asked: Readonly<Record<LineEnd, OpenCalls>>
  readonly yields: Credit
  /** What comes from one end, in order. */
  readonly from: Readonly<Record<LineEnd, Turns>>
  /** Calls whose answer from that end was lost in part: what still comes of it is dropped. */
  readonly broken: Readonly<Record<LineEnd, Set<number>>>
}

export class Route {
  readonly #context: RouteContext
  readonly #lines = new Map<string, Line>()

  constructor(context: RouteContext) {
    this.#context = context
  }

  /** How many runs have a line. */
  get size(): number {
    return this.#lines.size
  }

  /** Passes a frame on to the other end of the run's line. Throws a `ProtocolError` for what this end may not say. */
  pass(from: LineEnd, run: RunRecord, frame: LineFrame, incoming: IncomingValue | undefined): void {
    const line = this.#lineOf(run)
    const refusal = this.#check(from, run, line, frame)
    if (refusal === 'drop') return
    if (refusal) return this.#answer(from, run, frame.call, refusal)
    const value = incoming?.readInto(this.#context.spool.sink(incoming.header))
    line.from[from].add(
      value,
      (stored) => {
        // What was said to an attempt that has ended meanwhile is not for the next one.
        const isLate = from === 'caller' && this.#lines.get(run.id) !== line
        if (isLate || isBroken(line, from, frame)) void stored?.release()
        else this.#context.deliver(other(from), run, frame, stored)
      },
      (error) => this.#lose(from, run, line, frame, error),
    )
  }

  /** Resolves when everything that the run said has been passed on. */
  async idle(run: RunRecord): Promise<void> {
    await this.#lines.get(run.id)?.from.run.idle()
  }

  /** An attempt has ended: it answers nothing any more, neither its caller nor its children. */
  ended(run: RunRecord): void {
    this.#lines.delete(run.id)
    for (const id of run.children) {
      const child = this.#context.runs.get(id)
      const asked = this.#lines.get(id)?.asked.run
      if (!child || !asked) continue
      for (const call of asked.keys()) this.#answer('run', child, call, closed(run.id))
      asked.clear()
    }
  }

  #check(from: LineEnd, run: RunRecord, line: Line, frame: LineFrame): ErrorSummary | 'drop' | undefined {
    switch (frame.type) {
      case 'rpc':
        return this.#open(from, run, line.asked[from], frame)
      case 'want':
      case 'leave': {
        const call = from === 'caller' && frame.call === YIELDS ? line.yields : line.asked[from].get(frame.call)
        if (call && frame.type === 'want') call.items += frame.items
        return call ? undefined : 'drop'
      }
      case 'items':
        return this.#spend(from, run, line, frame)
      case 'rpc-stream':
        return line.asked[other(from)].has(frame.call) ? undefined : 'drop'
      case 'rpc-result':
        return line.asked[other(from)].delete(frame.call) ? undefined : 'drop'
      default:
        return frame satisfies never
    }
  }

  #open(
    from: LineEnd,
    run: RunRecord,
    asked: OpenCalls,
    { call, method }: Extract<LineFrame, { type: 'rpc' }>,
  ): ErrorSummary | 'drop' | undefined {
    if (asked.has(call) || call === YIELDS) throw new ProtocolError(`Call ${call} of ${JSON.stringify(method)} was made twice.`)
    // The caller hears by the run's status that nobody answers.
    if (from === 'caller' && run.phase !== 'running') return 'drop'
    if (asked.size >= MAX_OPEN_CALLS) return tooMany(method, run)
    if (from === 'run') {
      if (!this.#context.hasCaller(run)) return closed(run.parent ?? 'the client')
      if (!run.handlers.includes(method)) return noHandler(method, run)
    }
    asked.set(call, { items: 0 })
    return undefined
  }

  #spend(from: LineEnd, run: RunRecord, line: Line, { call, count }: Extract<LineFrame, { type: 'items' }>): 'drop' | undefined {
    const isYields = from === 'run' && call === YIELDS
    const credit = isYields ? line.yields : line.asked[other(from)].get(call)
    if (!credit) return 'drop'
    credit.items -= count
    if (credit.items < 0) throw new ProtocolError(`Stream ${call} of run ${run.id} sent ${-credit.items} items more than were wanted.`)
    if (isYields) run.hasYielded = true
    return undefined
  }

  /** A value that could not be kept, or did not come whole: whoever waits for it is told, and no stream goes on with a hole. */
  #lose(from: LineEnd, run: RunRecord, line: Line, frame: LineFrame, cause: Error): void {
    // The lines of an attempt that has ended are closed at both ends.
    if (this.#lines.get(run.id) !== line || isBroken(line, from, frame)) return
    const { call } = frame
    const to = other(from)
    switch (frame.type) {
      case 'rpc':
        if (line.asked[from].delete(call)) this.#answer(from, run, call, lost(`the arguments of ${frame.method}()`, cause))
        return
      case 'rpc-result':
        return this.#answer(to, run, call, frame.error ?? lost('the result', cause))
      case 'items':
        line.broken[from].add(call)
        if (from === 'run' && call === YIELDS) return this.#failRun(run, cause)
        line.asked[to].delete(call)
        this.#answer(to, run, call, lost('items of the stream', cause))
        return this.#context.deliver(from, run, { type: 'leave', run: run.id, call }, undefined)
      default:
        return
    }
  }

  #failRun(run: RunRecord, cause: Error): void {
    // Its worker has gone in the middle of a value: how it ended says more.
    if (cause instanceof ProtocolError) return
    const { message, ...error } = lost('items that it yielded', cause)
    this.#context.fail(run, { ...error, message: `${run.id} was stopped: ${message}`, path: [{ id: run.id, task: run.name }] })
  }

  #answer(to: LineEnd, run: RunRecord, call: number, error: ErrorSummary): void {
    this.#context.deliver(to, run, { type: 'rpc-result', run: run.id, call, status: 'failed', error }, undefined)
  }

  #lineOf(run: RunRecord): Line {
    const known = this.#lines.get(run.id)
    if (known) return known
    const line: Line = {
      asked: { run: new Map(), caller: new Map() },
      yields: { items: ITEM_WINDOW },
      from: { run: new Turns(), caller: new Turns() },
      broken: { run: new Set(), caller: new Set() },
    }
    this.#lines.set(run.id, line)
    return line
  }
}

function other(end: LineEnd): LineEnd {
  return end === 'run' ? 'caller' : 'run'
}

function isBroken(line: Line, from: LineEnd, frame: LineFrame): boolean {
  return (frame.type === 'items' || frame.type === 'rpc-stream' || frame.type === 'rpc-result') && line.broken[from].has(frame.call)
}

function lost(what: string, cause: Error): ErrorSummary {
  const code = cause instanceof CowaitError ? cause.code : 'ENGINE'
  return { code, name: cause.name, message: `${what} got lost: ${cause.message}` }
}

function summary(code: 'RPC_CLOSED' | 'NO_HANDLER' | 'LIMIT_EXCEEDED', message: string): ErrorSummary {
  return { code, name: 'CowaitError', message }
}

function closed(caller: string): ErrorSummary {
  return summary('RPC_CLOSED', `The call was not answered: ${caller} has ended.`)
}

function noHandler(method: string, run: RunRecord): ErrorSummary {
  return summary('NO_HANDLER', `The caller of ${run.id} has no handler ${JSON.stringify(method)}: pass it in handlers with the call.`)
}

function tooMany(method: string, run: RunRecord): ErrorSummary {
  return summary(
    'LIMIT_EXCEEDED',
    `${method}() was not called: ${MAX_OPEN_CALLS} calls on the line of ${run.id} have no answer yet. Await them before more are made.`,
  )
}
