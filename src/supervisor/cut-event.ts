import { cut, cutSummary, MAX_TEXT } from '../protocol/cut-summary.ts'
import type { UnnumberedEvent } from './event-log.ts'

/** In a size that every frame and every record can carry, whatever an engine or an error says. Lines come bounded from the output. */
export function cutEvent(event: UnnumberedEvent): UnnumberedEvent {
  switch (event.type) {
    case 'retrying':
      return { ...event, error: cutSummary(event.error) }
    case 'settled':
      return event.error ? { ...event, error: cutSummary(event.error) } : event
    case 'notice':
      return { ...event, text: cut(event.text, MAX_TEXT) }
    case 'cancelling':
      return { ...event, reason: cut(event.reason, MAX_TEXT) }
    case 'starting':
      return event.phase?.detail === undefined ? event : { ...event, phase: { ...event.phase, detail: cut(event.phase.detail, MAX_TEXT) } }
    default:
      return event
  }
}
