import type { ErrorSummary } from '../core/events.ts'
import { headOf } from '../core/stack-text.ts'
import type { RunBoard, RunEntry } from './run-board.ts'
import { safeText } from '../client/safe-text.ts'
import type { Outcome, ViewContext } from './views/view.ts'

/** `RangeError: boom`: name and first line of the message. */
export function summaryLine(error: ErrorSummary): string {
  const [first = ''] = error.message.split('\n', 1)
  const text = isTheirs(error) ? `${error.name}: ${first}` : first
  return safeText(text, false)
}

/** What failed, where in the user's code, what a lost worker printed last, and the command that runs it again. */
export function failureText(outcome: Outcome, board: RunBoard, context: ViewContext): string {
  const { error } = outcome
  if (!error || outcome.status === 'cancelled') return ''
  const { colours, hasColours } = context.stderr
  const lines = [colours.red(`${board.get(outcome.run ?? '')?.name ?? 'cowait'} failed`)]
  const failed = deepestFailed(board.get(error.path?.at(-1)?.id ?? outcome.run ?? ''))?.id ?? outcome.run
  for (const line of errorLines(error, context.debug)) lines.push(`  ${safeText(line, hasColours)}`)
  if (error.lastLines && error.lastLines.length > 0) {
    lines.push('', `last lines of ${failed ?? 'the worker'}:`)
    for (const line of error.lastLines) lines.push(`  ${safeText(line, hasColours)}`)
  }
  const entry = board.get(failed ?? '')
  const again = entry && context.again?.(entry)
  if (again) lines.push('', `run it again: ${colours.bold(again)}`)
  return `\n${lines.join('\n')}\n\n`
}

/** The run that a failure began with. The path ends at a run whose function threw; what it threw may be the end of a run of its own. */
function deepestFailed(run: RunEntry | undefined): RunEntry | undefined {
  const child = run?.children.find(({ status, error }) => status === 'failed' && error?.message === run.error?.message)
  return child ? deepestFailed(child) : run
}

/** The joined stack where there is one, else the message; then where each run of the path awaited the next, up to the root. */
export function errorLines(error: ErrorSummary, debug: boolean): string[] {
  const head = isTheirs(error) ? `${error.name}: ${error.message}` : error.message
  const lines = hasStack(error) ? stackLines(error.stack ?? '', head, error.message) : head.split('\n')
  if (!debug) lines.push(...pathLines(error, lines.join('\n')))
  for (const { name, message, stack } of error.causes ?? []) {
    lines.push(...`caused by ${name === '' ? '' : `${name}: `}${message}`.split('\n'))
    if (stack !== undefined) lines.push(...stack.split('\n'))
  }
  return lines
}

function pathLines({ path = [] }: ErrorSummary, seen: string): string[] {
  const lines: string[] = []
  for (let index = path.length - 1; index > 0; index--) {
    const place = placeOf(path[index]?.at ?? '')
    if (place && !seen.includes(place)) lines.push(`    at ${path[index - 1]?.task} (${place})`)
  }
  return lines
}

/** A frame may have a function's name around its place. */
function placeOf(frame: string): string {
  return /\(([^()]+:\d+:\d+)\)$/.exec(frame)?.[1] ?? frame
}

/** An error that user code threw goes by its name; ours say all in the message. */
function isTheirs({ code, name }: ErrorSummary): boolean {
  return code === 'TASK_FAILED' && name !== '' && name !== 'Error'
}

/** Only a failure of user code has a stack that helps. */
function hasStack(error: ErrorSummary): boolean {
  return error.stack !== undefined && (error.code === 'TASK_FAILED' || error.code === 'TASK_NOT_LOADED' || error.code === 'INVALID_OUTPUT')
}

/** The message once, though a stack begins with it; what else it begins with, such as the line of a syntax error, stays. */
function stackLines(stack: string, head: string, message: string): string[] {
  const said = headOf(stack)
  if (said.endsWith(message) && !said.slice(0, said.length - message.length).includes('\n'))
    return `${head}${stack.slice(said.length)}`.trimEnd().split('\n')
  return (stack.startsWith(head.split('\n', 1)[0] ?? head) ? stack : `${head}\n${stack}`).trimEnd().split('\n')
}
