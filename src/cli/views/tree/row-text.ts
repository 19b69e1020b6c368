import truncatedWidth from 'fast-string-truncated-width'
import { summaryLine } from '../../failure-text.ts'
import { formatTime, grouped } from '../../format.ts'
import { paintLabel, type Labels } from '../../labels.ts'
import type { Output } from '../../output.ts'
import { isSettled, spentText, type RunEntry } from '../../run-board.ts'
import { safeText } from '../../../client/safe-text.ts'
import type { RunGroup } from './groups.ts'
import type { Row } from './layout.ts'

export interface Glyphs {
  readonly spinner: readonly string[]
  readonly waiting: string
  readonly done: string
  readonly failed: string
  readonly cancelled: string
  readonly full: string
  readonly empty: string
  readonly times: string
}

export const unicodeGlyphs: Glyphs = {
  spinner: ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'],
  waiting: '·',
  done: '✓',
  failed: '✗',
  cancelled: '⊘',
  full: '█',
  empty: '░',
  times: '×',
}
export const asciiGlyphs: Glyphs = {
  spinner: ['-', '\\', '|', '/'],
  waiting: '.',
  done: '+',
  failed: 'x',
  cancelled: 'o',
  full: '#',
  empty: '-',
  times: 'x',
}

export interface RowContext {
  readonly output: Output
  readonly labels: Labels
  readonly glyphs: Glyphs
  readonly now: number
  /** Columns of the branches and names together. */
  readonly nameWidth: number
}

/** Columns that a row's branches and name take. */
export function nameWidthOf(row: Row, labels: Labels): number {
  const name = 'run' in row ? labels.of(row.run.id).text : 'group' in row ? groupName(row.group, unicodeGlyphs) : ''
  return widthOf(row.prefix) + 2 + widthOf(name)
}

export function rowText(row: Row, context: RowContext): string {
  const { colours } = context.output
  const prefix = colours.dim(row.prefix)
  if ('folded' in row) return `${prefix}${colours.green(context.glyphs.done)} ${colours.dim(`${row.folded} done`)}`
  const pad = ' '.repeat(Math.max(0, context.nameWidth - nameWidthOf(row, context.labels)) + 2)
  if ('group' in row)
    return `${prefix}${groupGlyph(row.group, context)} ${groupName(row.group, context.glyphs)}${pad}${groupState(row.group, context)}`
  const label = context.labels.of(row.run.id)
  return `${prefix}${glyph(row.run, context)} ${paintLabel(label, label.text, colours)}${pad}${state(row.run, context)}`
}

// oxlint-disable-next-line no-control-regex
const COLOUR = /(\u001b\[[\d;:]*m)/

/** Cuts a line to a number of columns; wide characters count double, colours nothing. */
export function fit(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  let room = columns - 1
  let kept = ''
  for (const piece of text.split(COLOUR)) {
    if (piece.startsWith('\u001b')) kept += piece
    else {
      for (const { segment } of (graphemes ??= new Intl.Segmenter()).segment(piece)) {
        room -= widthOf(segment)
        if (room < 0) return `${kept}\u001b[0m…`
        kept += segment
      }
    }
  }
  return kept
}

let graphemes: Intl.Segmenter | undefined

export function widthOf(text: string): number {
  return truncatedWidth(text).width
}

function glyph(run: RunEntry, { glyphs, output: { colours }, now }: RowContext): string {
  switch (run.status) {
    case 'waiting':
      return colours.dim(glyphs.waiting)
    case 'starting':
      return colours.yellow(spin(glyphs, now))
    case 'running':
      return run.cancelling === undefined ? colours.cyan(spin(glyphs, now)) : colours.yellow(spin(glyphs, now))
    case 'done':
      return colours.green(glyphs.done)
    case 'failed':
      return colours.red(glyphs.failed)
    case 'cancelled':
      return colours.yellow(glyphs.cancelled)
    default:
      return run.status satisfies never
  }
}

function spin(glyphs: Glyphs, now: number): string {
  return glyphs.spinner[Math.floor(now / 100) % glyphs.spinner.length] ?? ''
}

function state(run: RunEntry, context: RowContext): string {
  const { colours, hasColours } = context.output
  if (isSettled(run)) {
    const spent = spentText(run)
    if (!run.error) return colours.dim(spent)
    return run.status === 'cancelled'
      ? colours.yellow(`cancelled after ${spent}`)
      : `${colours.red(summaryLine(run.error))} ${colours.dim(spent)}`
  }
  if (run.cancelling !== undefined) return colours.yellow(`stopping: ${run.cancelling}`)
  const engine = run.parent === null ? `${colours.dim(run.engine)} ` : ''
  const attempt = run.attempt > 1 ? colours.yellow(`attempt ${run.attempt} `) : ''
  if (run.status === 'waiting') return engine + attempt + colours.dim(`waiting: ${run.reason ?? 'to start'}`)
  if (run.status === 'starting') return engine + attempt + colours.yellow(phaseText(run))
  const last = run.lastLine === undefined ? '' : ` ${colours.dim(safeText(run.lastLine, hasColours))}`
  return `${engine}${attempt}${formatTime(context.now - run.since)}${progressText(run, context)}${last}`
}

function phaseText({ phase }: RunEntry): string {
  if (!phase) return 'starting'
  const what = phase.detail
    ? `${phase.phase} ${phase.detail}`
    : phase.phase === 'booting' || phase.phase === 'creating' || phase.phase === 'preparing'
      ? 'starting'
      : phase.phase
  return phase.fraction === undefined ? what : `${what} ${Math.round(phase.fraction * 100)} %`
}

function progressText({ progress }: RunEntry, { glyphs, output: { colours } }: RowContext): string {
  if (!progress) return ''
  const message = progress.message ? ` ${safeText(progress.message, false)}` : ''
  if (!progress.total || progress.total <= 0) return ` ${grouped(progress.value)}${message}`
  const part = Math.min(1, Math.max(0, progress.value / progress.total))
  const cells = Math.round(part * 10)
  return ` ${colours.cyan(glyphs.full.repeat(cells) + glyphs.empty.repeat(10 - cells))} ${Math.round(part * 100)} %${message}`
}

function groupName(group: RunGroup, glyphs: Glyphs): string {
  return `${group.name} ${glyphs.times} ${grouped(group.size)}`
}

function groupGlyph({ counts }: RunGroup, { glyphs, output: { colours }, now }: RowContext): string {
  if (counts.running + counts.starting > 0) return colours.cyan(spin(glyphs, now))
  if (counts.waiting > 0) return colours.dim(glyphs.waiting)
  return counts.failed > 0
    ? colours.red(glyphs.failed)
    : counts.cancelled > 0
      ? colours.yellow(glyphs.cancelled)
      : colours.green(glyphs.done)
}

function groupState({ counts }: RunGroup, { output: { colours } }: RowContext): string {
  const parts = [
    counts.failed > 0 && colours.red(`${grouped(counts.failed)} failed`),
    counts.running > 0 && colours.cyan(`${grouped(counts.running)} running`),
    counts.starting > 0 && colours.yellow(`${grouped(counts.starting)} starting`),
    counts.waiting > 0 && colours.dim(`${grouped(counts.waiting)} waiting`),
    counts.done > 0 && colours.green(`${grouped(counts.done)} done`),
    counts.cancelled > 0 && colours.yellow(`${grouped(counts.cancelled)} cancelled`),
  ]
  return parts.filter((part) => part !== false).join(', ')
}
