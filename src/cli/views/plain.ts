import type { ErrorSummary, RunEvent } from '../../core/events.ts'
import { closingLine } from '../closing-line.ts'
import { failureText, summaryLine } from '../failure-text.ts'
import { count, formatTime } from '../format.ts'
import { Labels, paintLabel } from '../labels.ts'
import { logText } from '../log-text.ts'
import type { Output } from '../output.ts'
import { countsText, RunBoard, spentText, type RunEntry } from '../run-board.ts'
import type { Outcome, View, ViewContext } from './view.ts'
import { systemClock, type Clock } from './clock.ts'
import { writeItem, writeResult } from './result.ts'

/** After this long without a line, one says what is alive. */
const SILENCE_MS = 30_000

/** One line an event, for pipes, CI and terminals that cannot redraw. */
export class PlainView implements View {
  readonly #context: ViewContext
  readonly #err: Output
  readonly #board = new RunBoard()
  readonly #labels = new Labels()
  readonly #prefixes = new Map<string, Record<'|' | '!' | '-', string> & { readonly width: number }>()
  readonly #phases = new Map<string, string>()
  readonly #clock: Clock
  readonly #startedAt: number
  readonly #stopTicking: () => void
  #lastLineAt: number
  #unshown = 0

  constructor(context: ViewContext, { clock = systemClock }: { clock?: Clock } = {}) {
    this.#context = context
    this.#err = context.stderr
    this.#clock = clock
    this.#startedAt = this.#lastLineAt = clock.now()
    this.#stopTicking = clock.every(SILENCE_MS / 6, () => this.#breakSilence())
  }

  event(event: RunEvent): void {
    const run = this.#board.apply(event)
    if (!run) return
    const { colours } = this.#err
    switch (event.type) {
      case 'log':
        return this.#log(run, event)
      case 'created':
        this.#labels.of(run.id)
        return
      case 'starting':
        return this.#starting(run)
      case 'running':
        if (run.parent !== null || event.attempt > 1)
          this.#say(run, colours.dim(event.attempt > 1 ? `running, attempt ${event.attempt}` : 'running'))
        return
      case 'retrying':
        return this.#say(
          run,
          colours.yellow(`attempt ${event.attempt} failed: ${summaryLine(event.error)}; the next in ${formatTime(event.delayMs)}`),
        )
      case 'cancelling':
        return this.#say(run, colours.yellow(`cancelling: ${event.reason}`))
      case 'notice':
        return this.#say(run, colours.yellow(event.text))
      case 'dropped':
        this.#unshown += event.lines
        return
      case 'settled':
        return this.#settled(run, event.error)
      case 'waiting':
      case 'progress':
      case 'removed':
        return
      default:
        event satisfies never
    }
  }

  item(item: unknown): Promise<void> {
    return writeItem(this.#context.stdout, item)
  }

  notice(text: string): void {
    this.#err.write(`${this.#err.colours.dim(text)}\n`)
  }

  async end(outcome: Outcome): Promise<void> {
    this.#stopTicking()
    this.#err.write(this.#unshownNote())
    if (outcome.error) this.#err.write(failureText(outcome, this.#board, this.#context))
    if (outcome.status === 'done') await writeResult(this.#context, outcome.output)
    this.#err.write(`${closingLine(outcome, this.#board, this.#context)}\n`)
  }

  #breakSilence(): void {
    const now = this.#clock.now()
    if (now - this.#lastLineAt < SILENCE_MS) return
    this.#lastLineAt = now
    this.#err.write(`${this.#err.colours.dim(`after ${formatTime(now - this.#startedAt)}: ${countsText(this.#board)}`)}\n`)
  }

  #log(run: RunEntry, event: Extract<RunEvent, { type: 'log' }>): void {
    const isError = event.stream === 'stderr' || event.level === 'error' || event.level === 'warn'
    const line = this.#line(run, isError ? '!' : '|', logText(event, this.#err))
    this.#lastLineAt = this.#clock.now()
    if (this.#err.offer(this.#unshownNote() + line)) this.#unshown = 0
    else this.#unshown++
  }

  #starting(run: RunEntry): void {
    const { phase } = run
    if (!phase || phase.phase === 'creating' || phase.phase === 'booting' || phase.phase === 'preparing') return
    const text = phase.detail ? `${phase.phase}: ${phase.detail}` : phase.phase
    if (this.#phases.get(run.id) === phase.phase && phase.fraction !== undefined) return
    this.#phases.set(run.id, phase.phase)
    this.#say(run, this.#err.colours.dim(text))
  }

  #settled(run: RunEntry, error: ErrorSummary | undefined): void {
    this.#phases.delete(run.id)
    if (run.parent === null) return
    const { colours } = this.#err
    const after = spentText(run)
    if (!error) return this.#say(run, colours.dim(`done in ${after}`))
    if (run.status === 'cancelled') return this.#say(run, colours.yellow(`cancelled after ${after}`))
    this.#say(run, colours.red(`failed after ${after}: ${summaryLine(error)}`))
  }

  #say(run: RunEntry, text: string): void {
    this.#lastLineAt = this.#clock.now()
    this.#err.write(this.#line(run, '-', text))
  }

  #line(run: RunEntry, mark: '|' | '!' | '-', text: string): string {
    return `${this.#prefix(run.id, mark)}${text}\n`
  }

  /** Made once for each run and width: a task may print a hundred thousand lines. */
  #prefix(run: string, mark: '|' | '!' | '-'): string {
    const { width } = this.#labels
    const known = this.#prefixes.get(run)
    if (known?.width === width) return known[mark]
    const label = this.#labels.of(run)
    const { colours } = this.#err
    const name = paintLabel(label, label.text.padEnd(this.#labels.width), colours)
    const made = {
      width: this.#labels.width,
      '|': `${name} ${colours.dim('|')} `,
      '!': `${name} ${colours.red('!')} `,
      '-': `${name} ${colours.dim('-')} `,
    }
    this.#prefixes.set(run, made)
    return made[mark]
  }

  #unshownNote(): string {
    if (this.#unshown === 0) return ''
    return `${this.#err.colours.yellow(`${count(this.#unshown, 'log line')} not shown: the reader was too slow`)}\n`
  }
}
