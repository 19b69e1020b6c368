import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CompiledTree } from '../project/compile-project.ts'
import { describe, type TaskDescription } from '../project/describe.ts'
import type { Project } from '../project/project.ts'
import { framesText } from './error-text.ts'

export interface ModuleTasks {
  readonly module: string
  readonly source: string
  readonly tasks: readonly TaskDescription[]
  /** Why it cannot be loaded. */
  readonly problem?: string
}

const AT_ONCE = 4

/** The tasks of every module that speaks of this package; tests and configs are left out. */
export async function describeAll(project: Project, tree: CompiledTree): Promise<ModuleTasks[]> {
  const modules = [...tree.modules]
    .filter(([, { source }]) => !/(^|[/.])(test|tests|spec|config|d)\.\w+$/.test(source) && mentionsUs(join(project.treeRoot, source)))
    .map(([module, { source }]) => ({ module, source }))
    .toSorted((a, b) => a.module.localeCompare(b.module))
  const answers: ModuleTasks[] = []
  const next = modules.entries()
  const work = async (): Promise<void> => {
    for (const [index, { module, source }] of next) answers[index] = { module, source, ...(await tasksOf(tree, module)) }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return answers
}

async function tasksOf(tree: CompiledTree, module: string): Promise<Pick<ModuleTasks, 'tasks' | 'problem'>> {
  try {
    return { tasks: await describe(tree, module) }
  } catch (error) {
    return { tasks: [], problem: (error as Error).message + framesText(error) }
  }
}

function mentionsUs(file: string): boolean {
  try {
    return /\bfrom\s*['"]cowait['"]|\brequire\(\s*['"]cowait['"]/.test(readFileSync(file, 'utf8'))
  } catch {
    return false
  }
}
