import { guessText } from './inputs/coerce.ts'
import type { RunEntry } from './run-board.ts'

const LONGEST = 2_000

/** The command line that runs just this call again; nothing for a task without a name, or an input that is too large to type. */
export function rerunCommand(run: RunEntry, flags: readonly string[]): string | undefined {
  if (run.task.export === '') return undefined
  if (run.input && !('text' in run.input && run.input.format === 'json')) return undefined
  const input: unknown = run.input ? JSON.parse(run.input.text) : {}
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return undefined
  const inputs = Object.entries(input).flatMap(([key, value]) => ['-i', inputWord(key, value)])
  const command = ['cowait', 'run', `${run.task.module}:${run.task.export}`, ...inputs, ...flags].map(shellQuote).join(' ')
  return command.length > LONGEST ? undefined : command
}

/** `name=x` where it reads back as the same text, else `name:=json`. */
function inputWord(key: string, value: unknown): string {
  const path = key.replaceAll('.', '\\.')
  const text = String(value)
  const isPlain = typeof value !== 'object' && !text.startsWith('@') && guessText(text) === value
  return isPlain ? `${path}=${text}` : `${path}:=${JSON.stringify(value)}`
}

function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
