import type { RunRecord, Settlement } from './tree-messages.ts'

/** Whoever called a run and hears of it: a worker, a client on a channel, or the host's own code. */
export interface Owner {
  status(run: RunRecord): void
  /** Takes over the settlement's value and releases it when it is delivered. */
  settled(run: RunRecord, settlement: Settlement): void
}
