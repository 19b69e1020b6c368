import type { ErrorSummary, RunEvent } from '../core/events.ts'
import type { LineFrame } from '../protocol/messages.ts'
import type { StoredValue } from './spool.ts'
import type { RunRecord, Settlement } from './tree-messages.ts'

/** Whoever called a run and hears of it: a worker, a client on a channel, or the host's own code. */
export interface Owner {
  status(run: RunRecord): void
  /** Takes over the settlement's value and releases it when it is delivered. */
  settled(run: Pick<RunRecord, 'id' | 'attempt'>, settlement: Settlement): void
  /** What the run says over its line. Releases the value when it is delivered. */
  line(run: RunRecord, frame: LineFrame, value: StoredValue | undefined): void
  /** Asks whether there is another attempt. The value stays with the run. */
  mayRetry(run: RunRecord, error: ErrorSummary, value: StoredValue | undefined): void
  /** An event of a run that it watches; undefined: the past has been told. */
  tell(child: string, event: RunEvent | undefined): void
}
