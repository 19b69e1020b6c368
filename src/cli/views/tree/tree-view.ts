import type { RunEvent } from '../../../core/events.ts'
import { closingLine } from '../../closing-line.ts'
import { failureText, summaryLine } from '../../failure-text.ts'
import { count, formatTime, timeOfDay } from '../../format.ts'
import { Labels, paintLabel } from '../../labels.ts'
import { logText } from '../../log-text.ts'
import type { Output } from '../../output.ts'
import { countsText, RunBoard, type RunEntry } from '../../run-board.ts'
import { systemClock, type Clock } from '../clock.ts'
import { writeItem, writeResult } from '../result.ts'
import type { Outcome, View, ViewContext } from '../view.ts'
import { RunGroups } from './groups.ts'
import { asciiBranches, layoutTree, unicodeBranches } from './layout.ts'
import { Region } from './region.ts'
import { asciiGlyphs, nameWidthOf, rowText, unicodeGlyphs } from './row-text.ts'

const FRAME_MS = 100
/** Text above the tree that waits for the next frame, in characters; more is dropped and told. */
const ABOVE_LIMIT = 8 * 1024 * 1024
/** Items wait for the terminal when this much of them is to be shown. */
const ABOVE_BATCH = 64 * 1024

/** The live tree of a terminal: one line a run, redrawn in place, log lines above it. */
export class TreeView implements View {
  readonly #context: ViewContext
  readonly #err: Output
  readonly #clock: Clock
  readonly #board = new RunBoard()
  readonly #groups = new RunGroups()
  readonly #labels = new Labels()
  readonly #region: Region
  readonly #stopTicking: () => void
  readonly #unicode: boolean
  readonly #startedAt: number
  #above = ''
  #unshown = 0

  constructor(context: ViewContext, options: { unicode?: boolean; clock?: Clock } = {}) {
    this.#context = context
    this.#err = context.stderr
    this.#clock = options.clock ?? systemClock
    this.#unicode = options.unicode ?? true
    this.#region = new Region(context.stderr)
    this.#startedAt = this.#clock.now()
    this.#stopTicking = this.#clock.every(FRAME_MS, () => this.#frame())
    context.stderr.onResize(() => this.#frame())
  }

  event(event: RunEvent): void {
    const run = this.#board.apply(event)
    if (!run) return
    this.#groups.update(run)
    const { colours } = this.#err
    switch (event.type) {
      case 'log':
        return this.#log(run, event)
      case 'dropped':
        this.#unshown += event.lines
        return
      case 'notice':
        return this.#say(run, colours.yellow(event.text))
      case 'retrying':
        return this.#say(
          run,
          colours.yellow(`attempt ${event.attempt} failed: ${summaryLine(event.error)}; the next in ${formatTime(event.delayMs)}`),
        )
      case 'settled':
        if (event.status === 'failed' && event.error && run.parent !== null)
          this.#say(run, colours.red(`failed: ${summaryLine(event.error)}`))
        return
      default:
    }
  }

  /** Above the tree where both streams are one to the eye. */
  async item(item: unknown): Promise<void> {
    const { stdout } = this.#context
    if (!stdout.isTerminal) return await writeItem(stdout, item)
    this.#above += `${JSON.stringify(item ?? null)}\n`
    if (this.#above.length < ABOVE_BATCH) return
    this.#frame()
    await this.#err.flush()
  }

  notice(text: string): void {
    this.#above += `${this.#err.colours.dim(text)}\n`
  }

  async end(outcome: Outcome): Promise<void> {
    this.#stopTicking()
    this.#region.draw(this.#takeAbove(), this.#board.size > 1 ? this.#lines(true) : [])
    if (outcome.error) this.#err.write(failureText(outcome, this.#board, this.#context))
    if (outcome.status === 'done') await writeResult(this.#context, outcome.output)
    this.#err.write(`${closingLine(outcome, this.#board, this.#context)}\n`)
  }

  #log(run: RunEntry, event: Extract<RunEvent, { type: 'log' }>): void {
    if (this.#above.length > ABOVE_LIMIT) {
      this.#unshown++
      return
    }
    const isError = event.stream === 'stderr' || event.level === 'error' || event.level === 'warn'
    this.#put(run, event.at, isError ? '!' : '|', logText(event, this.#err))
  }

  #say(run: RunEntry, text: string): void {
    this.#put(run, this.#clock.now(), '-', text)
  }

  #put(run: RunEntry, at: number, mark: string, text: string): void {
    const { colours } = this.#err
    const label = this.#labels.of(run.id)
    const painted = paintLabel(label, label.text.padEnd(this.#labels.width), colours)
    this.#above += `${colours.dim(timeOfDay(at))} ${painted} ${mark === '!' ? colours.red(mark) : colours.dim(mark)} ${text}\n`
  }

  #frame(): void {
    // A terminal that does not read gets no more frames until it has caught up.
    if (this.#err.behind > 0) return
    this.#region.draw(this.#takeAbove(), this.#lines(false))
  }

  #takeAbove(): string {
    const above = this.#above
    this.#above = ''
    if (this.#unshown === 0) return above
    const note = this.#err.colours.yellow(`${count(this.#unshown, 'log line')} not shown: the terminal was too slow`)
    this.#unshown = 0
    return `${above}${note}\n`
  }

  #lines(isLast: boolean): string[] {
    if (this.#board.size === 0) return []
    const { colours, rows: height } = this.#err
    const budget = Math.max(3, height - 3)
    const { rows, hidden } = layoutTree(this.#board.roots, this.#groups, {
      budget,
      branches: this.#unicode ? unicodeBranches : asciiBranches,
    })
    const nameWidth = Math.min(Math.max(...rows.map((row) => nameWidthOf(row, this.#labels))), Math.floor(this.#err.columns * 0.6))
    const context = {
      output: this.#err,
      labels: this.#labels,
      glyphs: this.#unicode ? unicodeGlyphs : asciiGlyphs,
      now: this.#clock.now(),
      nameWidth,
    }
    const lines = rows.map((row) => rowText(row, context))
    if (hidden > 0) lines.push(colours.dim(`${count(hidden, 'more row')}`))
    if (!isLast && this.#board.size > 1) lines.push(this.#summary())
    return lines
  }

  #summary(): string {
    return this.#err.colours.dim(`${countsText(this.#board)} · ${formatTime(this.#clock.now() - this.#startedAt)}`)
  }
}
