import { kebab } from '../core/ids.ts'
import { guessText } from './inputs/coerce.ts'
import type { RunEntry } from './run-board.ts'
import type { RunFlags } from './run-flags.ts'

const LONGEST = 2_000

/** Where a call runs and what it sees there: taken over by every call below the one that was asked for. */
const INHERITED = ['engine', 'cluster', 'image', 'volume', 'env', 'envFile', 'cwd', 'config'] as const
/** What was given to that one alone. */
const OWN = ['cpu', 'memory', 'port', 'timeout', 'grace', 'retry'] as const

/** The command line that runs just this call again, with the flags that it ran with; nothing for a task without a name, or an input that is too large to type. */
export function rerunCommand(run: RunEntry, flags: RunFlags): string | undefined {
  if (run.task.export === '') return undefined
  if (run.input && !('text' in run.input && run.input.format === 'json')) return undefined
  const input: unknown = run.input ? JSON.parse(run.input.text) : {}
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return undefined
  const inputs = Object.entries(input).flatMap(([key, value]) => ['-i', inputWord(key, value)])
  const command = ['cowait', 'run', `${run.task.module}:${run.task.export}`, ...inputs, ...flagWords(run, flags)].map(shellQuote).join(' ')
  return command.length > LONGEST ? undefined : command
}

/** Of a variable only the name: its value may be a secret. */
function flagWords({ parent }: RunEntry, flags: RunFlags): string[] {
  const names = parent === null ? [...INHERITED, ...OWN] : INHERITED
  return names.flatMap((name) =>
    [flags[name] ?? []].flat().flatMap((value) => [`--${kebab(name)}`, name === 'env' ? (value.split('=', 1)[0] ?? '') : value]),
  )
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
