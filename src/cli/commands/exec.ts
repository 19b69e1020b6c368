import { existsSync, realpathSync } from 'node:fs'
import { Module } from 'node:module'
import { join, relative, resolve } from 'node:path'
import { UsageError } from '../../core/errors.ts'
import { compileProject } from '../../project/compile-project.ts'
import { toSlashes } from '../../project/folders.ts'
import { problemText } from '../../project/problem.ts'
import { findProject } from '../../project/project.ts'
import type { Io } from '../io.ts'
import { refuseInsideTask } from '../refuse-inside-task.ts'

/**
 * Hands this process over to a script of the user, compiled as tasks are: its arguments, streams and signals are the script's own,
 * and so is the exit code. Resolves when the script has been loaded; the caller must leave the process alone after that.
 */
export async function exec(script: string, args: readonly string[], io: Io): Promise<void> {
  refuseInsideTask('exec', io.env)
  const file = resolve(io.cwd, script)
  if (!existsSync(file)) throw new UsageError(`cowait exec: there is no file ${script}`)
  const compiled = await compiledFile(file)
  io.stop.close((signal) => process.kill(process.pid, signal))
  io.stdout.release()
  io.stderr.release()
  process.argv = [process.argv[0] ?? 'node', compiled, ...args]
  process.setSourceMapsEnabled(true)
  // As Node itself starts a program: the file is the main module, in either module system.
  ;(Module as unknown as { runMain(): void }).runMain()
}

/** The file that runs for a script. */
async function compiledFile(file: string): Promise<string> {
  const project = await findProject(file)
  const tree = await compileProject(project)
  const path = toSlashes(relative(project.treeRoot, realpathSync(file)))
  const problem = tree.problems.find((each) => each.path === path)
  if (problem) throw new UsageError(`${path} cannot run: ${problemText(problem)}`)
  const compiled = [...tree.modules.values()].find(({ source }) => source === path)?.compiled
  if (compiled !== undefined) return join(tree.directory, compiled)
  throw new UsageError(
    `cowait exec: ${file} is not part of its project: it is no TypeScript or JavaScript, or .gitignore or .cowaitignore leaves it out`,
  )
}
