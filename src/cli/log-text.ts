import { fieldsText, levelWord } from '../client/log-words.ts'
import { safeText } from '../client/safe-text.ts'
import type { RunEvent } from '../core/events.ts'
import type { Output } from './output.ts'

/** A log event as one line for people, without its run's name: level and fields where they say something. */
export function logText(event: Extract<RunEvent, { type: 'log' }>, output: Output): string {
  const { colours, hasColours } = output
  const text = safeText(event.text, hasColours) + (event.more ? colours.dim(' ...') : '')
  const level = levelWord(event)
  const fields = fieldsText(event)
  return (level && `${levelPainted(level, output)} `) + text + (fields && ` ${colours.dim(fields)}`)
}

function levelPainted(level: string, { colours }: Output): string {
  if (level === 'error') return colours.red(level)
  return level === 'warn' ? colours.yellow(level) : colours.dim(level)
}
