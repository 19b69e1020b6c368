/**
 * The program of a supervisor that runs where the workers are: one run, as `cowait run --ndjson` does it. It is told what to run on
 * descriptor 4, says on descriptor 3 that the run has begun, and its one argument is what the engine told it of its place. It stands alone
 * in one file, with its packages: nothing is installed where it runs.
 */
import { createReadStream, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { openSupervisor } from '../../client/local.ts'
import type { CompiledTree } from '../../project/compile-project.ts'
import { definitionOptions } from '../../project/definition-options.ts'
import { executeRun } from '../execute-run.ts'
import { processIo } from '../process-io.ts'
import { DetachedView } from './detached-view.ts'
import { decodePlan, type DetachedPlan } from './plan.ts'

const inbound = 4
const outbound = 3

try {
  const plan = decodePlan(await buffer(createReadStream('', { fd: inbound })))
  await run(plan, JSON.parse(process.argv[2] ?? '{}'))
} catch (error) {
  tell(`${(error as Error).message}\n`)
  process.stderr.write(`${(error as Error).stack}\n`)
  process.exit(1)
}

async function run(plan: DetachedPlan, place: unknown): Promise<void> {
  const io = processIo([])
  const here = treeHere(plan.tree)
  const tree = (): Promise<CompiledTree> => Promise.resolve(here)
  const supervisor = await openSupervisor({
    tree,
    describe: definitionOptions(tree),
    engine: plan.engine,
    engineSettings: plan.settings,
    enginePlace: place,
    defaults: plan.defaults,
    concurrency: plan.concurrency,
    ...(plan.limits && { limits: plan.limits }),
    ...(plan.keepFailed && { keepFailed: true }),
  })
  const view = new DetachedView(
    io,
    [plan.options, plan.defaults].flatMap(({ env = {} }) => Object.values(env)),
  )
  supervisor.subscribe(({ type }) => {
    if (type === 'created') tell('begun\n')
  })
  const outcome = await executeRun(plan, { supervisor, view, io })
  await view.end(outcome)
  await io.stdout.flush()
  process.exit(outcome.exitCode)
}

/** The code lies where workers have it, in the working directory. */
function treeHere({ hash, files, problems, project, modules }: DetachedPlan['tree']): CompiledTree {
  const directory = resolve('.')
  return {
    hash,
    files,
    problems,
    ...(project !== undefined && { project }),
    modules: new Map(modules),
    imports: new Map(),
    configs: [],
    directory,
    root: directory,
    leaving: new Set(),
    installed: '',
    cacheFolder: join(tmpdir(), 'cowait-described'),
  }
}

let isTold = false

/** Once; nobody may listen any more. */
function tell(text: string): void {
  if (isTold) return
  isTold = true
  try {
    writeSync(outbound, text)
  } catch {
    // Nobody does.
  }
}
