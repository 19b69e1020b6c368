import { resolve } from 'node:path'
import { openSupervisor, type LocalSupervisor } from '../../client/local.ts'
import { UsageError } from '../../core/errors.ts'
import { encode } from '../../core/values/encode.ts'
import type { RunOptions } from '../../core/options.ts'
import { mergeRunOptions, resolveOptions } from '../../core/resolve-options.ts'
import { chooseTarget, settingsFor } from '../../project/choose-target.ts'
import { compileProject, type CompiledTree } from '../../project/compile-project.ts'
import { definitionOptions } from '../../project/definition-options.ts'
import { describe, type TaskDescription } from '../../project/describe.ts'
import { resolveTask } from '../../project/resolve-task.ts'
import { checkEngineName, chooseEngine } from '../choose-engine.ts'
import { chooseTask } from '../choose-task.ts'
import { describeRoot } from '../describe-root.ts'
import { EarlySupervisor } from '../early-supervisor.ts'
import { executeRun, type RunPlan } from '../execute-run.ts'
import { exitCodes } from '../exit-code.ts'
import { summaryLine } from '../failure-text.ts'
import { flagOptions, wholeNumber } from '../flag-options.ts'
import { missingKeys } from '../inputs/build-input.ts'
import { readInput } from '../inputs/read-input.ts'
import type { Io } from '../io.ts'
import { lateVariables } from '../late-variables.ts'
import { openProject, startOf } from '../open-project.ts'
import { refuseInsideTask } from '../refuse-inside-task.ts'
import type { RecorderOptions } from '../record/recorder.ts'
import { recordsFolder } from '../record/record.ts'
import { rerunCommand } from '../rerun-command.ts'
import type { RunFlags } from '../run-flags.ts'
import { createView } from '../views/create-view.ts'
import type { Outcome } from '../views/view.ts'

/** Runs a task with everything that it calls, shows what happens, and answers the exit code. */
export async function run(name: string | undefined, flags: RunFlags, io: Io): Promise<number> {
  refuseInsideTask('run', io.env)
  if (name === undefined) throw new UsageError('cowait run: which task? Name a file or file:export; cowait list shows what there is.')
  const cwd = resolve(io.cwd, flags.cwd ?? '.')
  const project = await openProject(startOf(name, cwd), flags, cwd)
  const place = await resolveTask(project, name, cwd)
  const given = resolveOptions(flagOptions(flags, cwd, io.env), 'cowait run')
  const { timeoutMs } = given
  const target = chooseTarget(project, flags.cluster)
  const concurrency = flags.concurrency === undefined ? target.concurrency : wholeNumber('--concurrency', flags.concurrency, 1)
  const asked = [flags.engine, io.env['COWAIT_ENGINE'], target.engine].find(Boolean)
  if (flags.engine) checkEngineName(flags.engine, '--engine')
  else if (asked !== undefined && asked === io.env['COWAIT_ENGINE']) checkEngineName(asked, 'COWAIT_ENGINE')
  const compiling = (): Promise<CompiledTree> => (compiled ??= compileProject(project))
  let compiled: Promise<CompiledTree> | undefined
  const supervise = async (name: string, early = false): Promise<LocalSupervisor> =>
    await openSupervisor({
      tree: compiling,
      describe: definitionOptions(compiling),
      engine: name,
      engineSettings: settingsFor(target, name, name),
      otherSettings: (other) => settingsFor(target, other, name),
      early,
      defaults: target.defaults,
      ...(flags.keepFailed && { keepFailed: true }),
      ...(concurrency !== undefined && { concurrency }),
      limits: target.limits,
    })
  const isEarly = asked === 'docker' && !flags.help
  await using early = new EarlySupervisor(isEarly ? supervise(asked, true) : undefined)
  const tree = await compiling()
  const task = chooseTask(
    { name, ...place },
    flags.help
      ? await describe(tree, place.module)
      : await describeRoot(tree, place.module, {
          timeoutMs: timeoutMs ?? target.defaults.startTimeoutMs,
          stderr: flags.quiet ? undefined : io.stderr,
        }),
  )
  if (flags.help) {
    const { taskHelp } = await import('../task-help.ts')
    io.stdout.write(taskHelp(name, task, io.stdout.colours))
    return exitCodes.done
  }
  const engine = await chooseEngine(asked ?? task.options.engine, target.settings, io.env)
  const plan: RunPlan = {
    task: { module: place.module, export: task.export },
    name: task.name ?? task.export,
    input: encode(await inputOf(task, name, flags, cwd, io), 'input'),
    options: mergeRunOptions(task.options, { ...given, ...startLimit(timeoutMs, task.options) }),
    ...(timeoutMs !== undefined && { limitMs: timeoutMs }),
  }
  if (flags.detach) {
    const { launch } = await import('../detached/launch.ts')
    const { defaults, limits } = target
    const settings = settingsFor(target, engine.name, engine.name)
    const keepFailed = flags.keepFailed ?? false
    return await launch(
      { plan, tree, engine: engine.name, settings, defaults, concurrency, limits, keepFailed, json: flags.json ?? false },
      io,
    )
  }
  let engineName = engine.name
  const view = await createView(flags, io, {
    stdout: io.stdout,
    stderr: io.stderr,
    workerWord: () => WORKER_WORDS[engineName] ?? 'worker',
    again: (entry) => rerunCommand(entry, flags),
    debug: io.debug,
  })
  if (engine.notice) view.notice(engine.notice)
  const late = lateVariables(mergeRunOptions(target.defaults ?? {}, plan.options).env)
  if (late !== undefined) view.notice(late)
  const runOn = async (name: string): Promise<Outcome> => {
    engineName = name
    const supervisor = await (early.take() ?? supervise(name))
    return await executeRun(plan, {
      supervisor,
      view,
      io,
      ...(flags.record !== false && { record: recordOptions(project.root, plan.options, io) }),
    })
  }
  let outcome = await runOn(engine.name)
  if (
    engine.isByItself &&
    engine.name !== 'process' &&
    plan.options.image === undefined &&
    !outcome.ran &&
    outcome.error?.code === 'ENGINE'
  ) {
    view.notice(`${engine.name} could not start it (${summaryLine(outcome.error)}): running in processes.`)
    outcome = await runOn('process')
  }
  await view.end(outcome)
  return outcome.exitCode
}

const WORKER_WORDS: Readonly<Record<string, string>> = { docker: 'container', kubernetes: 'pod' }

/** A start may take no longer than all. */
function startLimit(limitMs: number | undefined, { startTimeoutMs = Infinity }: RunOptions): RunOptions {
  return limitMs === undefined ? {} : { startTimeoutMs: Math.min(limitMs, startTimeoutMs) }
}

/** Where the record goes, and what must not be in it. */
function recordOptions(root: string, { env = {} }: RunOptions, io: Io): RecorderOptions {
  return { folder: recordsFolder(root), command: ['cowait', ...io.args], secrets: Object.values(env) }
}

/** What `-f` and `-i` give, and what a person answers where something is missing. */
async function inputOf(task: TaskDescription, name: string, flags: RunFlags, cwd: string, io: Io): Promise<Record<string, unknown>> {
  const input = await readInput(flags, cwd, task.input)
  const missing = task.input ? missingKeys(input, task.input) : []
  if (!task.input || missing.length === 0) return input
  const { askInput } = await import('../inputs/ask-input.ts')
  return { ...input, ...(await askInput(missing, task.input, io, name)) }
}
