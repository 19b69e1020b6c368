import type { RunEvent } from '../../core/events.ts'
import { taskName } from '../../core/task-name.ts'
import { errorLines } from '../failure-text.ts'
import { Labels } from '../labels.ts'
import { plainPreview } from '../plain-preview.ts'
import type { RunRecordFile } from '../record/record.ts'
import { RunBoard, type RunEntry } from '../run-board.ts'
import type { LogLine, ReportData, ReportRun, Segment } from './report-types.ts'

const MOST_LOG_LINES = 200_000
const MOST_LOG_CHARACTERS = 24 * 1024 * 1024

/** What the page of a record shows: runs in the order of the tree, times relative to the first event. */
export function reportData({ header, events, result }: RunRecordFile): ReportData {
  const board = new RunBoard()
  const segments = new Map<string, Segment[]>()
  const start = events[0]?.at ?? header.at
  let end = start
  for (const event of events) {
    const run = board.apply(event)
    end = Math.max(end, event.at)
    if (run) cutSegment(segments, run, event, start)
  }
  const labels = new Labels()
  const runs: ReportRun[] = []
  const index = new Map<string, number>()
  const add = (run: RunEntry, depth: number): void => {
    index.set(run.id, runs.length)
    runs.push(reportRun(run, depth, index.get(run.parent ?? ''), labels, segments.get(run.id) ?? [], end - start))
    for (const child of run.children) add(child, depth + 1)
  }
  for (const root of board.roots) add(root, 0)
  const cause = index.get(board.roots[0]?.error?.path?.at(-1)?.id ?? '')
  const { lines, missing } = logLines(events, index, start)
  return {
    title: board.roots[0]?.name ?? header.root,
    command: header.command,
    startedAt: start,
    durationMs: result?.durationMs ?? end - start,
    spanMs: Math.max(1, end - start),
    status: result?.status ?? 'unfinished',
    ...(result && { exitCode: result.exitCode }),
    ...(cause !== undefined && { cause }),
    left: result?.left ?? [],
    runs,
    lines,
    missing,
  }
}

/** Closes the segment that was open and opens the next one when a run enters another status. */
function cutSegment(all: Map<string, Segment[]>, run: RunEntry, event: RunEvent, start: number): void {
  const segments = all.get(run.id) ?? []
  all.set(run.id, segments)
  const at = event.at - start
  const open = segments.at(-1)
  const status = run.status === 'waiting' || run.status === 'starting' || run.status === 'running' ? run.status : undefined
  if (open?.status === status || (!open && !status)) return
  if (open && open.to === undefined) open.to = at
  if (status) segments.push({ status, from: at })
}

function reportRun(run: RunEntry, depth: number, parent: number | undefined, labels: Labels, segments: Segment[], end: number): ReportRun {
  return {
    id: run.id,
    label: labels.of(run.id).text,
    task: taskName(run.task),
    engine: run.engine,
    depth,
    ...(parent !== undefined && { parent }),
    status: run.status,
    attempt: run.attempt,
    segments: segments.map((segment) => ({ ...segment, to: segment.to ?? end })),
    spentMs: { ...run.spentMs },
    ...plainPreview('input', run.input),
    ...plainPreview('output', run.output),
    ...(run.error && {
      error: { text: errorLines(run.error, false).join('\n'), ...(run.error.lastLines && { lastLines: run.error.lastLines }) },
    }),
  }
}

function logLines(events: readonly RunEvent[], index: ReadonlyMap<string, number>, start: number): { lines: LogLine[]; missing: number } {
  const lines: LogLine[] = []
  let missing = 0
  let characters = 0
  for (const event of events) {
    if (event.type === 'dropped') missing += event.lines
    if (event.type !== 'log') continue
    characters += event.text.length
    if (lines.length >= MOST_LOG_LINES || characters > MOST_LOG_CHARACTERS) {
      missing++
      continue
    }
    const isError = event.stream === 'stderr' || event.level === 'error' || event.level === 'warn'
    lines.push([index.get(event.run) ?? 0, event.at - start, isError ? 1 : 0, event.text])
  }
  return { lines, missing }
}
