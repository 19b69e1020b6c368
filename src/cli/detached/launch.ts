import type { Ceilings } from '../../core/ceilings.ts'
import { UsageError } from '../../core/errors.ts'
import { createRunId } from '../../core/ids.ts'
import type { RunOptions } from '../../core/options.ts'
import { defaultWidth } from '../../client/width.ts'
import type { CompiledTree } from '../../project/compile-project.ts'
import { tellOn, withEngine } from '../control/engine-targets.ts'
import type { RunPlan } from '../execute-run.ts'
import { exitCodeOfSignal, exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'
import { encodePlan, treeOfPlan } from './plan.ts'

export interface Launch {
  readonly plan: RunPlan
  readonly tree: CompiledTree
  readonly engine: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly defaults: RunOptions
  readonly concurrency: number | undefined
  readonly limits: Partial<Ceilings> | undefined
  readonly keepFailed: boolean
  readonly json: boolean
}

/** Starts a supervisor where the workers are, and leaves when its run has begun: its id goes to stdout. */
export async function launch(launched: Launch, io: Io): Promise<number> {
  const stop = new AbortController()
  io.stop.listen(() => stop.abort())
  const id = createRunId(launched.plan.name)
  try {
    await start(id, launched, io, stop.signal)
  } catch (error) {
    if (!io.stop.first) throw error
    io.stderr.write(`Interrupted before ${id} had begun: nothing is left of it\n`)
    return exitCodeOfSignal(io.stop.first)
  }
  io.stdout.write(launched.json ? `${JSON.stringify({ id })}\n` : `${id}\n`)
  io.stderr.write(`${id} runs by itself. To follow it: cowait attach ${id}   To end it: cowait kill ${id}\n`)
  return exitCodes.done
}

async function start(id: string, { plan, tree, engine: name, settings, ...rest }: Launch, io: Io, signal: AbortSignal): Promise<void> {
  const { concurrency = defaultWidth(), limits, defaults, keepFailed } = rest
  const told = encodePlan({
    ...plan,
    id,
    engine: name,
    settings: settingsThere(settings),
    defaults,
    concurrency,
    keepFailed,
    ...(limits && { limits }),
    tree: treeOfPlan(tree),
  })
  await withEngine({ name, settings, tell: tellOn(io) }, async ({ detached }) => {
    if (!detached) {
      throw new UsageError(
        `cowait run --detach: engine ${name} ends with its command line. Use --engine kubernetes, or leave --detach out.`,
      )
    }
    const task = `${plan.task.module}:${plan.task.export}`
    let said: string | undefined
    const { startTimeoutMs = defaults.startTimeoutMs } = plan.options
    await detached.start({ run: id, task, tree, plan: told, startTimeoutMs }, signal, ({ phase, detail }) => {
      if (detail !== undefined && detail !== said) io.stderr.write(`${id} ${phase}: ${(said = detail)}\n`)
    })
  })
}

/** A context is a matter of this host's kubeconfig. */
function settingsThere({ context: _, ...settings }: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return settings
}
