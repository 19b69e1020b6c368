import type { ErrorSummary } from '../core/events.ts'
import type { Bodies } from '../protocol/bodies.ts'
import type { LineAddress } from '../protocol/line-frames.ts'
import type { Down, LineFrame, Up } from '../protocol/messages.ts'
import type { StoredValue } from './spool.ts'
import type { RunRecord, Settlement } from './tree-messages.ts'

/** Sends a child's end to its caller, then lets go of its value. */
export function deliver(bodies: Bodies<Up, Down>, caller: string, run: Pick<RunRecord, 'id' | 'attempt'>, settlement: Settlement): void {
  const { status } = settlement
  const message = {
    type: 'settled',
    run: caller,
    child: run.id,
    status,
    attempt: run.attempt,
    ...('error' in settlement ? { error: settlement.error } : {}),
  } as const
  const { value } = settlement
  if (!value) return bodies.send(message)
  void bodies.sendValue({ ...message, value }).then(() => value.release())
}

/** Sends what the other end of a line said, then lets go of its value. */
export function deliverLine(bodies: Bodies<Up, Down>, to: LineAddress, frame: LineFrame, value: StoredValue | undefined): void {
  const { run: _run, child: _child, ...said } = frame
  const message = { ...said, ...to } as LineFrame
  if (!value) return bodies.send(message)
  const carrying = { ...message, value } as Parameters<typeof bodies.sendValue>[0]
  void bodies.sendValue(carrying).then(() => value.release())
}

/** Asks the caller of a run whether there is another attempt. The value stays with the run. */
export function deliverQuestion(
  bodies: Bodies<Up, Down>,
  caller: string,
  run: RunRecord,
  error: ErrorSummary,
  value: StoredValue | undefined,
): void {
  const message = { type: 'may-retry', run: caller, child: run.id, attempt: run.attempt, error } as const
  if (value) void bodies.sendValue({ ...message, value })
  else bodies.send(message)
}
