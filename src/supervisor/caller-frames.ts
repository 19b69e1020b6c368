/** What a caller says of its runs, and that it speaks of no others. */
import { ProtocolError } from '../core/errors.ts'
import type { IncomingValue } from '../protocol/values.ts'
import type { CallerMessage } from './attempt-context.ts'
import { isSameCaller, type CallerIdentity } from './caller-identity.ts'
import type { Calls } from './calls.ts'
import type { Owner } from './owner.ts'
import type { Route } from './route.ts'
import type { RunRecord, TreeMessage } from './tree-messages.ts'
import type { Watches } from './watches.ts'

export interface CallerFramesContext {
  readonly calls: Calls
  readonly route: Route
  readonly watches: Watches
  readonly runs: ReadonlyMap<string, RunRecord>
  apply(message: TreeMessage): void
}

export class CallerFrames {
  readonly #context: CallerFramesContext

  constructor(context: CallerFramesContext) {
    this.#context = context
  }

  /** Throws a `ProtocolError` for what breaks the protocol. A run that is gone is nothing wrong. */
  accept(identity: CallerIdentity, owner: Owner, message: CallerMessage, value: IncomingValue | undefined): void {
    const { calls, route, watches, apply } = this.#context
    switch (message.type) {
      case 'call':
      case 'cancel':
        return calls.accept(identity, message, value)
      case 'retry':
        if (this.#childOf(identity, message.child))
          apply({ type: 'retry-answer', run: message.child, attempt: message.attempt, again: message.again })
        return
      case 'watch': {
        const { child, tree = false } = message
        this.#childOf(identity, child)
        watches.add({ identity, child, tree, tell: (event) => owner.tell(child, event) }, calls.isArriving(identity, child))
        return owner.tell(child, undefined)
      }
      default: {
        if (message.child === undefined) throw new ProtocolError(`Message "${message.type}" names no child.`)
        const run = this.#childOf(identity, message.child)
        if (run) route.pass('caller', run, message, value)
      }
    }
  }

  /** The caller hears of nothing any more: what is still on its way from it is dropped. */
  ended(identity: CallerIdentity): void {
    this.#context.calls.drop(identity)
    this.#context.watches.drop(identity)
  }

  #childOf(identity: CallerIdentity, child: string): RunRecord | undefined {
    const { calls, runs } = this.#context
    // An earlier run may still have the id.
    if (calls.isArriving(identity, child) || calls.isRefused(identity, child)) return undefined
    const run = runs.get(child)
    if (run && !isSameCaller(identity, run))
      throw new ProtocolError(`${identity.parent ?? identity.client} spoke of run ${child}, which it has not called.`)
    return run
  }
}
