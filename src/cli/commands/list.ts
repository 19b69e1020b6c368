import { resolve } from 'node:path'
import { compileProject } from '../../project/compile-project.ts'
import { describeAll } from '../describe-all.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'
import { openProject } from '../open-project.ts'
import { columnsText } from '../table.ts'
import { shapeText } from '../task-help.ts'

interface ListFlags {
  readonly json?: boolean
  readonly cwd?: string
  readonly config?: string
}

/** Shows the tasks of the project with their inputs and descriptions. A module that cannot be loaded is named on stderr. */
export async function list(flags: ListFlags, io: Io): Promise<number> {
  const cwd = resolve(io.cwd, flags.cwd ?? '.')
  const project = await openProject(cwd, flags, cwd)
  const modules = await describeAll(project, await compileProject(project))
  const tasks = modules.flatMap(({ module, source, tasks: own }) =>
    own.map((task) => ({ task: `${module}:${task.export}`, file: source, ...task })),
  )
  const { stdout, stderr } = io
  if (flags.json) {
    stdout.write(`${JSON.stringify(tasks, null, stdout.isTerminal ? 2 : undefined)}\n`)
  } else if (tasks.length === 0) {
    stderr.write(`no tasks in ${project.root}\n`)
  } else {
    stdout.write(columnsText(tasks.map(({ task, input, description = '' }) => [task, input ? shapeText(input, input) : '', description])))
  }
  for (const { source, problem } of modules)
    if (problem) stderr.write(`${stderr.colours.yellow('problem')} ${problem.includes(source) ? problem : `${source}: ${problem}`}\n`)
  return exitCodes.done
}
