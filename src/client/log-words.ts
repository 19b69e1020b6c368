/** What stands before and after the text of a log event wherever lines are shown. */
import type { RunEvent } from '../core/events.ts'
import { safeText } from './safe-text.ts'

type LogEvent = Extract<RunEvent, { type: 'log' }>

/** The level of a line that was logged, where it says something. */
export function levelWord({ stream, level }: LogEvent): string {
  return stream === 'log' && level !== 'info' ? level : ''
}

/** `free=3 disk=sda` */
export function fieldsText({ stream, fields = {} }: LogEvent): string {
  if (stream !== 'log') return ''
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return safeText(pairs.join(' '), false)
}
