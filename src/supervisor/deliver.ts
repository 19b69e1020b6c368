import type { Bodies } from '../protocol/bodies.ts'
import type { Down, Up } from '../protocol/messages.ts'
import type { RunRecord, Settlement } from './tree-messages.ts'

/** Sends a child's end to its caller, then lets go of its value. */
export function deliver(bodies: Bodies<Up, Down>, caller: string, run: RunRecord, settlement: Settlement): void {
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
