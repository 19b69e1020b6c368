import type { RunEvent } from '../core/events.ts'
import type { Output } from './output.ts'
import { safeText } from './safe-text.ts'

/** A log event as one line for people, without its run's name: level and fields where they say something. */
export function logText(event: Extract<RunEvent, { type: 'log' }>, output: Output): string {
  const text = safeText(event.text, output.hasColours) + (event.more ? output.colours.dim(' ...') : '')
  if (event.stream !== 'log') return text
  const level = event.level === 'info' ? '' : `${levelPainted(event.level, output)} `
  return level + text + fieldsText(event.fields, output)
}

function levelPainted(level: string, { colours }: Output): string {
  if (level === 'error') return colours.red(level)
  return level === 'warn' ? colours.yellow(level) : colours.dim(level)
}

function fieldsText(fields: Readonly<Record<string, unknown>> | undefined, output: Output): string {
  if (!fields) return ''
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return pairs.length === 0 ? '' : ` ${output.colours.dim(safeText(pairs.join(' '), false))}`
}
