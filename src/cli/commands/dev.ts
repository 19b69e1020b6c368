import { resolve } from 'node:path'
import { compileProject, type CompiledTree } from '../../project/compile-project.ts'
import { problemText } from '../../project/problem.ts'
import { resolveTask } from '../../project/resolve-task.ts'
import { Changes } from '../changes.ts'
import { DevRun } from '../dev-link.ts'
import { exitCodeOfSignal } from '../exit-code.ts'
import { timeOfDay } from '../format.ts'
import type { Io } from '../io.ts'
import { moduleDigest, type ModuleDigest } from '../module-graph.ts'
import { openProject, startOf } from '../open-project.ts'
import { refuseInsideTask } from '../refuse-inside-task.ts'
import type { RunFlags } from '../run-flags.ts'

/**
 * Runs a task again whenever a file that it depends on changes; for a change of code, the run in progress is cancelled first. Data that
 * changes meanwhile may be the run's own work, so what counts is how it was left. Ends when it is asked to stop.
 */
export async function dev(name: string, runArgs: readonly string[], flags: RunFlags, io: Io): Promise<number> {
  refuseInsideTask('dev', io.env)
  const cwd = resolve(io.cwd, flags.cwd ?? '.')
  const project = await openProject(startOf(name, cwd), flags, cwd)
  const { module } = await resolveTask(project, name, cwd)
  const changes = new Changes()
  let known: Partial<ModuleDigest> = {}
  let run: DevRun | undefined
  const stopped = new Promise<void>((done) =>
    io.stop.listen((signal) => {
      run?.stop(signal)
      done()
    }),
  )
  try {
    for (;;) {
      const isOver = run?.isOver ?? true
      changes.forget()
      const tree = await compileProject(project)
      changes.watch(tree)
      const digest = moduleDigest(tree, module)
      if (digest.code !== known.code || (known.data !== undefined && digest.data !== known.data)) {
        known = { code: digest.code }
        await run?.end('The code has changed')
        if (io.stop.first) break
        run = start(tree, module, runArgs, io)
      } else if (isOver) {
        known = digest
      }
      await Promise.race([stopped, changes.next(), ...(run && known.data === undefined ? [run.over] : [])])
      if (io.stop.first) break
    }
  } finally {
    changes.close()
    await run?.end()
  }
  return exitCodeOfSignal(io.stop.first ?? 'SIGINT')
}

function start(tree: CompiledTree, module: string, runArgs: readonly string[], io: Io): DevRun | undefined {
  const source = tree.modules.get(module)?.source
  const problem = tree.problems.find(({ path }) => path === source)
  if (problem) {
    io.stderr.write(`${io.stderr.colours.red('error')} ${problemText(problem)}\n`)
    return undefined
  }
  io.stderr.write(`${io.stderr.colours.dim(`--- ${timeOfDay(Date.now())} ${module}`)}\n`)
  return new DevRun(runArgs, io)
}
