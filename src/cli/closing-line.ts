import { count, formatTime } from './format.ts'
import type { RunBoard } from './run-board.ts'
import type { Outcome, ViewContext } from './views/view.ts'

/** The last line for people: `done in 5.4 s · 3 containers, 0 left, 1 kept`. */
export function closingLine(outcome: Outcome, board: RunBoard, { stderr, workerWord }: ViewContext): string {
  const { colours } = stderr
  const verb = outcome.error?.code === 'TASK_TIMEOUT' ? 'timed out' : outcome.status
  const paint = { done: colours.green, failed: colours.red, cancelled: colours.yellow }[outcome.status]
  const left = outcome.left.length === 0 ? '0 left' : colours.red(`${outcome.left.length} left: ${outcome.left.join(' ')}`)
  const kept = outcome.kept.length === 0 ? '' : `, ${colours.yellow(`${outcome.kept.length} kept`)}`
  const preposition = outcome.status === 'done' ? 'in' : 'after'
  return `${paint(verb)} ${preposition} ${formatTime(outcome.durationMs)} · ${count(board.workers, workerWord())}, ${left}${kept}`
}
