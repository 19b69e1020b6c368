import type { LocalSupervisor } from '../client/local.ts'
import type { CancelReason } from '../core/caller.ts'
import { realClock } from '../core/clock.ts'
import type { ErrorSummary, TaskRef } from '../core/events.ts'
import type { RunOptions } from '../core/options.ts'
import type { Encoded } from '../core/value.ts'
import { toPlainJson } from '../core/values/plain-json.ts'
import { exitCodeOf } from './exit-code.ts'
import type { Io } from './io.ts'
import { Recorder, type RecorderOptions } from './record/recorder.ts'
import { RunDeadline } from './run-deadline.ts'
import type { StopSignal } from './stop-signals.ts'
import type { Outcome, View } from './views/view.ts'

/** One root run, ready to start. */
export interface RunPlan {
  readonly task: TaskRef
  readonly name: string
  readonly input: Encoded
  readonly options: RunOptions
  /** When it ends at the latest, after it was created: all its attempts together. */
  readonly limitMs?: number
  /** The run's id, where it is known before. */
  readonly id?: string
}

export interface RunSetting {
  readonly supervisor: LocalSupervisor
  readonly view: View
  readonly io: Io
  /** Absent: nothing is recorded. */
  readonly record?: RecorderOptions
}

/** Runs a plan to its end and everything of it away. The first request to stop cancels, the second kills, the third leaves. */
export async function executeRun(plan: RunPlan, { supervisor, view, io, record }: RunSetting): Promise<Outcome> {
  let recorder: Recorder | undefined
  let ran = false
  supervisor.subscribe((event) => {
    view.event(event)
    ran ||= event.type === 'running'
    if (record && event.type === 'created' && event.parent === null) recorder ??= Recorder.open(event.run, record)
    recorder?.event(event)
    if (event.run === run.id) deadline?.event(event)
  })
  let tellStopped!: () => void
  const stopped = new Promise<void>((resolve) => (tellStopped = resolve))
  const onItems = async (items: Encoded): Promise<void> => {
    for (const item of toPlainJson(items) as unknown[]) if (!io.stop.first) await Promise.race([view.item(item), stopped])
  }
  const run = supervisor.run({ ...plan, onItems })
  const deadline = plan.limitMs === undefined ? undefined : new RunDeadline(plan.limitMs, run)
  io.stop.listen((signal, nth, said) => {
    tellStopped()
    if (nth === 1) {
      view.notice(`${said}: cancelling ${run.id} and all that it called; once more kills`)
      run.cancel(reasonOf(signal))
    } else if (nth === 2) {
      view.notice('Killing; once more leaves at once')
      run.kill()
    } else process.exit(exitCodeOf({ code: 'TASK_CANCELLED' }, io.stop.first))
  })
  const settlement = await run.settled
  const { left, kept } = await supervisor.close()
  const error = settlement.status === 'done' ? undefined : settlement.error
  const outcome = {
    run: run.id,
    ran,
    status: settlement.status,
    ...(settlement.status === 'done' && { output: toPlainJson(settlement.output) }),
    ...endOf(error, io.stop.first),
    durationMs: Math.round(realClock.now() - io.startedAt),
    left,
    kept,
  }
  const fault = await recorder?.end(outcome)
  if (fault) view.notice(`the record of this run is not complete: ${fault.message}`)
  return outcome
}

function reasonOf(signal: StopSignal): CancelReason {
  return { code: 'TASK_CANCELLED', message: `the command line got ${signal}` }
}

function endOf(error: ErrorSummary | undefined, signal: StopSignal | undefined): Pick<Outcome, 'error' | 'signal' | 'exitCode'> {
  return { ...(error && { error }), ...(signal && { signal }), exitCode: exitCodeOf(error, signal) }
}
