import { resolve } from 'node:path'
import { chooseTarget } from '../../project/choose-target.ts'
import { compileProject } from '../../project/compile-project.ts'
import { problemText } from '../../project/problem.ts'
import { describeAll } from '../describe-all.ts'
import { exitCodes } from '../exit-code.ts'
import { count } from '../format.ts'
import type { Io } from '../io.ts'
import { openProject } from '../open-project.ts'

interface CheckFlags {
  readonly json?: boolean
  readonly cwd?: string
  readonly config?: string
}

/** Loads the config and every task without running anything; answers 2 when something is wrong. */
export async function check(flags: CheckFlags, io: Io): Promise<number> {
  const cwd = resolve(io.cwd, flags.cwd ?? '.')
  const project = await openProject(cwd, flags, cwd)
  for (const cluster of [undefined, ...Object.keys(project.config.clusters ?? {})]) chooseTarget(project, cluster)
  const tree = await compileProject(project)
  const modules = await describeAll(project, tree)
  const compiled = tree.problems.map((problem) => ({ file: problem.path, problem: problemText(problem) }))
  const broken = new Set(compiled.map(({ file }) => file))
  const loaded = modules.flatMap(({ source, problem }) => (problem === undefined || broken.has(source) ? [] : [{ file: source, problem }]))
  const problems = [...compiled, ...loaded]
  const tasks = modules.reduce((sum, module) => sum + module.tasks.length, 0)
  if (flags.json) io.stdout.write(`${JSON.stringify({ tasks, problems }, null, io.stdout.isTerminal ? 2 : undefined)}\n`)
  else {
    for (const { problem } of problems) io.stderr.write(`${io.stderr.colours.red('problem')} ${problem}\n`)
    io.stderr.write(`${count(tasks, 'task')}, ${count(problems.length, 'problem')}\n`)
  }
  return problems.length === 0 ? exitCodes.done : exitCodes.usage
}
